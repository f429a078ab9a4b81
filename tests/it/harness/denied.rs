//! System calls that a profile of seccomp refuses, as containers' profiles do.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Has a system call of a process that is to be started fail with `EPERM`.
#[expect(unsafe_code, reason = "prctl(2) between fork and exec")]
pub fn deny(command: &mut Command, number: libc::c_long) {
    let number = u32::try_from(number).expect("a number of a system call");
    let instruction = |code: u32, jt, jf, k| libc::sock_filter {
        code: u16::try_from(code).expect("an instruction"),
        jt,
        jf,
        k,
    };
    // The number is what a profile's data begin with. Source: seccomp(2).
    let mut filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, number),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
        instruction(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let install = move || {
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        // SAFETY: the kernel copies the program, which lives through the call; both calls allocate nothing.
        let done = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
        };
        if done { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    // SAFETY: it makes two system calls and nothing else, which is allowed between fork and exec.
    unsafe { command.pre_exec(install) };
}
