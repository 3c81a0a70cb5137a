"""Every `error.type` that the ingest pipelines set, in one place. A code never changes: dashboards filter on it."""

from __future__ import annotations

CODES: dict[str, str] = {
    "empty_line": "the line is empty, or has only blanks",
    "column_count": "the number of columns of a CSV line differs from `csv.columns`, or from KDD's",
    "column_order": "a header has other columns, or another order, than Oversight would use to read the rows after it",
    "csv_columns": "`csv.columns` or `csv.delimiter` cannot be used: not a list, a name twice, more than one character",
    "ambiguous_delimiter": "a CSV line has a valid number of columns with each of two delimiters",
    "label_not_a_word": "the label column holds a number or a date, so the row is shifted",
    "partial_line": "a container runtime cut the line into parts",
    "several_lines": "a message that is not JSON has a line break",
    "stray_quote": "a quote in a CSV line does not enclose a whole value",
    "invalid_json": "the line begins like JSON and is not valid JSON",
    "not_an_object": "the line is JSON, but not one object",
    "no_event": "the document has neither a text in `message` nor any field of the model",
    "ambiguous_field": "a field of the model is there twice, spelled nested and dotted, with different values",
    "missing_feature": "a field of the model is missing or empty",
    "not_a_number": "a feature that must be a number is something else",
    "not_finite": "a number is infinite, or too large for 32 bits",
    "not_a_word": "a feature that must be a word is a number, a list or an object, or the word is too long",
    "not_a_boolean": "a feature that must be true or false is something else",
    "not_a_date": "a feature that is taken from a date is something else",
    "too_many_fields": "the document has so many fields or list items that the engine stops reading them",
    "pipeline_error": "a processor failed unexpectedly; `oversight.failure.processor` names it",
}

OF_PROCESSOR: dict[str, dict[str, str]] = {
    "gather": {
        "type": "too_many_fields",
        "message": "the document has too many fields or list items to be read; ship the raw line as `message`",
    },
    "json-parse": {
        "type": "invalid_json",
        "message": "the line begins like JSON and is not valid JSON; ship one complete JSON object per line",
    },
    "json-number": {
        "type": "not_finite",
        "message": "the line holds a number that the engine cannot store, such as an integer beyond 64 bits; "
        "correct it at the source",
    },
}
"""Code and message for a failure of an engine's own processor, by its tag. The engine's message follows in brackets."""
