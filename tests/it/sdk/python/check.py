"""What the checks share: where the gateway is, clients for it, and one line of output for each check."""

import asyncio
import inspect
import os
import ssl
import traceback

import anthropic
import openai

BASE_URL = os.environ["RINGGATE_URL"]
KEY = os.environ["RINGGATE_KEY"]
# A key whose group may use the model `chat` and no other.
NARROW_KEY = os.environ["RINGGATE_NARROW_KEY"]
CA = os.environ.get("RINGGATE_CA")

# No answer of the mock takes long; what does not come is a failure and no wait.
TIMEOUT_S = 20.0

_checks = []


def trust():
    """What the HTTP client verifies the gateway's certificate with."""
    return ssl.create_default_context(cafile=CA) if CA else True


def client(**options):
    options = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, "timeout": TIMEOUT_S} | options
    return openai.OpenAI(http_client=openai.DefaultHttpxClient(verify=trust(), trust_env=False), **options)


def async_client(**options):
    options = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, "timeout": TIMEOUT_S} | options
    return openai.AsyncOpenAI(
        http_client=openai.DefaultAsyncHttpxClient(verify=trust(), trust_env=False), **options
    )


def check(function):
    """Registers a check; its docstring is the line that is printed."""
    _checks.append(function)
    return function


def raises(kind, call, **attributes):
    """Asserts that a call raises exactly this class, with these attributes; gives the exception."""
    try:
        outcome = call()
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        assert type(error) is kind, f"{type(error).__name__} in place of {kind.__name__}: {error}"
        for name, expected in attributes.items():
            found = getattr(error, name)
            assert found == expected, f"{name} is {found!r}, not {expected!r}: {error}"
        return error
    raise AssertionError(f"{kind.__name__} was not raised; the outcome is {outcome!r}")


def is_request_id(text):
    return isinstance(text, str) and text.startswith("req_") and len(text) == 36


def _place(error):
    """The lines of the checks, without those of the package and what it stands on."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = traceback.extract_tb(error.__traceback__)
    return "".join(traceback.format_list([f for f in frames if os.path.dirname(f.filename) == here]))


def run_all():
    """Runs every check; gives the number of those that failed."""
    failed = 0
    for function in _checks:
        line = inspect.getdoc(function)
        try:
            outcome = function()
            if inspect.iscoroutine(outcome):
                asyncio.run(outcome)
            print(f"ok      {line}", flush=True)
        except Exception as error:
            failed += 1
            print(f"FAILED  {line}\n{_place(error)}{type(error).__name__}: {error}", flush=True)
    print(f"{len(_checks) - failed} of {len(_checks)} checks passed", flush=True)
    return failed
