"""Every error that Oversight raises on purpose, by whose fault it is.

OversightError
├── DocumentError            the document's fault: it is marked `failed`, its neighbours go on
│   ├── MissingFeatureError  a feature of the model is not in the document
│   ├── InvalidFeatureError  a feature is there and the model cannot compute with it
│   │   ├── NotANumberError      a feature that must be a number is something else
│   │   ├── NotFiniteError       a number is infinite, or too large for 32 bits
│   │   └── NotAWordError        something else stands where a word belongs
│   └── AmbiguousFieldError  one field is spelled nested and dotted in the same document
├── ServerError              a server's fault: documents stay `pending`, the work is tried again
│   ├── EngineUnavailableError   Elasticsearch is down, refuses the credentials or is overloaded
│   ├── EndpointUnavailableError the enrich service is down, slow, not ready or overloaded
│   └── ProtocolError            the enrich service answered something that is not its contract
└── OperatorError            ours to mend before anything runs
    ├── SettingsError        a setting is wrong or two of them contradict each other (exit 64)
    ├── ArtifactError        the file is no artifact of Oversight, or a damaged one (exit 64)
    ├── InputError           a file or folder that was named cannot be read as what it should be (exit 1)
    │   └── UnreadableFileError  one of the files to ship cannot be read; the others can be
    └── ConversionError      a Keras model cannot be exported, or ONNX does not answer as Keras does (exit 1)
"""

from __future__ import annotations


class OversightError(Exception):
    """Anything that Oversight raises on purpose; the message says what was found and what to do."""

    code: str = "oversight_error"
    """Stable name of the error; becomes `error.type`, so dashboards may filter on it and it never changes."""

    exit_code: int = 1
    """What a command that ends with this error returns to the shell."""


class DocumentError(OversightError):
    """One document cannot be enriched as it is. `field` is the document field at fault."""

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
    """A feature holds something that the model cannot compute with."""

    code = "invalid_feature"

    def __init__(self, field: str, value: object, *, expected: str) -> None:
        self.value, self.expected = value, expected
        super().__init__(
            f"field {field!r} is {shorten(value)}, expected {expected}; correct it at the source or in the "
            "ingest pipeline",
            field=field,
        )


class NotANumberError(InvalidFeatureError):
    """Something else stands where a number belongs. The ingest pipelines give the same code."""

    code = "not_a_number"


class NotFiniteError(InvalidFeatureError):
    """A number is infinite, or too large for 32 bits. The ingest pipelines give the same code."""

    code = "not_finite"


class NotAWordError(InvalidFeatureError):
    """A number, a boolean, a list or an object stands where a word belongs. The ingest pipelines give the same code."""

    code = "not_a_word"


class AmbiguousFieldError(DocumentError):
    """A document spells one field both nested and dotted, so nobody can say which value counts."""

    code = "ambiguous_field"

    def __init__(self, field: str) -> None:
        super().__init__(
            f"field {field!r} appears both nested and dotted in one document; keep the nested spelling", field=field
        )


class ServerError(OversightError):
    """A server did not do its part; the same work is tried again later and no document changes."""

    code = "server_error"


class EngineUnavailableError(ServerError):
    """Elasticsearch cannot be reached, refuses us or is overloaded."""

    code = "engine_unavailable"


class EndpointUnavailableError(ServerError):
    """The enrich service cannot be reached, is not ready or is overloaded."""

    code = "endpoint_unavailable"

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ProtocolError(ServerError):
    """The enrich service answered something that its contract does not allow."""

    code = "protocol_error"


class OperatorError(OversightError):
    """Something that a person mends before the work can begin."""

    code = "operator_error"


class SettingsError(OperatorError):
    """A setting is wrong; the message names the variable, its value and what is allowed."""

    code = "settings_error"
    exit_code = 64


class ArtifactError(OperatorError):
    """A file is not an artifact of Oversight, or it is damaged, or it asks for what is refused."""

    code = "artifact_error"
    exit_code = 64


class InputError(OperatorError):
    """A named file, folder or stream cannot be read as what it should be."""

    code = "input_error"


class UnreadableFileError(InputError):
    """One file to ship cannot be read, or not as lines of text; other files are shipped all the same."""

    code = "unreadable_file"


class ConversionError(OperatorError):
    """A Keras model cannot become an artifact; nothing was written."""

    code = "conversion_error"


def shorten(value: object, limit: int = 60) -> str:
    """`repr` of a value in at most `limit` characters, so that a message stays one line.

    Never raises: a value that Python itself cannot print (nested too deep, an integer too long) is named by its type.
    """
    if isinstance(value, str):
        value = value[: limit + 1]  # all that can be shown: a text of megabytes is not copied for it
    try:
        text = repr(value)
    except (RecursionError, ValueError):
        text = f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
