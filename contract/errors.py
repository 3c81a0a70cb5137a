"""Every error that Oversight raises on purpose, grouped by who has to act.

OversightError
├── DocumentError            the document is wrong: it is marked `failed`, the others continue
│   ├── MissingFeatureError  the document lacks a feature of the model
│   ├── InvalidFeatureError  the model cannot compute with a feature's value
│   │   ├── NotANumberError      a feature that must be a number is something else
│   │   ├── NotFiniteError       a number is infinite, or too large for 32 bits
│   │   ├── NotAWordError        a feature that must be a word is something else
│   │   ├── NotABooleanError     a feature that must be true or false is something else
│   │   └── NotADateError        a feature that is taken from a date is something else
│   └── AmbiguousFieldError  the document has one field both nested and dotted
├── ServerError              a server fails: documents stay `pending`, the work is tried again
│   ├── EngineUnavailableError   Elasticsearch is down, rejects the credentials or is overloaded
│   ├── EndpointUnavailableError the enrich service is down, slow, not ready or overloaded
│   └── ProtocolError            the enrich service's response breaks its contract
└── OperatorError            a person has to fix something before anything runs
    ├── SettingsError        a setting is wrong, or two of them contradict each other (exit 64)
    ├── ArtifactError        the file is no artifact of Oversight, or a damaged one (exit 64)
    ├── InputError           a named file or folder cannot be read as what it should be (exit 1)
    │   └── UnreadableFileError  one of the files to ship cannot be read; the others can be
    └── ConversionError      a Keras model cannot be exported, or ONNX gives other outputs (exit 1)
"""

from __future__ import annotations


class OversightError(Exception):
    """Any error that Oversight raises on purpose. The message says what is wrong and what to do."""

    code: str = "oversight_error"
    """Stable name of the error. It becomes `error.type`, which dashboards filter on, so it never changes."""

    exit_code: int = 1
    """The exit code of a command that ends with this error."""


class DocumentError(OversightError):
    """One document cannot be enriched as it is. `field` is the document field that causes it."""

    code = "document_error"

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class MissingFeatureError(DocumentError):
    """A document lacks a field that the model needs."""

    code = "missing_feature"

    def __init__(self, field: str, *, model_id: str) -> None:
        self.model_id = model_id
        super().__init__(
            f"field {field!r} is missing and model {model_id!r} needs it; "
            f"let the shipper send it, or map it in the ingest pipeline",
            field=field,
        )


class InvalidFeatureError(DocumentError):
    """A feature has a value that the model cannot compute with."""

    code = "invalid_feature"

    def __init__(self, field: str, value: object, *, expected: str) -> None:
        self.value, self.expected = value, expected
        super().__init__(
            f"field {field!r} is {shorten(value)}, expected {expected}; correct it at the source or in the "
            "ingest pipeline",
            field=field,
        )


class NotANumberError(InvalidFeatureError):
    """A feature that must be a number is something else. The ingest pipelines use the same code."""

    code = "not_a_number"


class NotFiniteError(InvalidFeatureError):
    """A number is infinite, or too large for 32 bits. The ingest pipelines use the same code."""

    code = "not_finite"


class NotAWordError(InvalidFeatureError):
    """A feature that must be a word is a number, boolean, list or object. The ingest pipelines use the same code."""

    code = "not_a_word"


class NotABooleanError(InvalidFeatureError):
    """A feature that must be true or false is something else."""

    code = "not_a_boolean"


class NotADateError(InvalidFeatureError):
    """A feature that is taken from a date is something else."""

    code = "not_a_date"


class AmbiguousFieldError(DocumentError):
    """A document has one field both nested and dotted, so it is unclear which value counts."""

    code = "ambiguous_field"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"field {field!r} appears both nested and dotted in one document; keep the nested spelling", field=field
        )


class ServerError(OversightError):
    """A server failed. The same work is tried again later, and no document changes."""

    code = "server_error"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """Seconds that the server asked us to wait."""


class EngineUnavailableError(ServerError):
    """Elasticsearch cannot be reached, rejects the credentials or is overloaded."""

    code = "engine_unavailable"


class EndpointUnavailableError(ServerError):
    """The enrich service cannot be reached, is not ready or is overloaded."""

    code = "endpoint_unavailable"


class ProtocolError(ServerError):
    """The enrich service's response breaks its contract."""

    code = "protocol_error"


class OperatorError(OversightError):
    """A person has to fix something before the work can begin."""

    code = "operator_error"


class SettingsError(OperatorError):
    """A setting is wrong. The message names the variable, its value and what is allowed."""

    code = "settings_error"
    exit_code = 64


class ArtifactError(OperatorError):
    """A file is no artifact of Oversight, is damaged, or asks for something that is refused."""

    code = "artifact_error"
    exit_code = 64


class InputError(OperatorError):
    """A named file, folder or stream cannot be read as what it should be."""

    code = "input_error"


class UnreadableFileError(InputError):
    """One file to ship cannot be read, or not as lines of text. Other files are still shipped."""

    code = "unreadable_file"


class ConversionError(OperatorError):
    """A Keras model cannot become an artifact; nothing was written."""

    code = "conversion_error"


def shorten(value: object, limit: int = 60) -> str:
    """`repr` of a value in at most `limit` characters, so that a message stays one line.

    Never raises. A value that Python itself cannot print (nested too deep, an integer too long) is named by its type.
    """
    if isinstance(value, str):
        value = value[: limit + 1]  # do not copy megabytes of text to show a few characters
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
