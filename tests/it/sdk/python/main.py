"""The official packages for Python against a gateway with a mock provider behind it."""

import os
import sys

import anthropic
import openai
from google import genai

import answers  # noqa: F401
import check
import clouds  # noqa: F401
import crossing  # noqa: F401
import errors  # noqa: F401
import gemini  # noqa: F401
import messages  # noqa: F401
import operations  # noqa: F401
import streams  # noqa: F401

if "RINGGATE_MATRIX" in os.environ:
    import matrix  # noqa: F401

packages = f"openai {openai.__version__}, anthropic {anthropic.__version__}, google-genai {genai.__version__}"
print(f"{packages}, Python {sys.version.split()[0]}, {check.BASE_URL}")
sys.exit(1 if check.run_all() else 0)
