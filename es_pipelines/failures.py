"""Every `error.type` that the ingest pipelines give, in one place. A code never changes: dashboards filter on it."""

from __future__ import annotations

CODES: dict[str, str] = {
    "empty_line": "the line has no characters but blanks",
    "column_count": "a CSV line has another number of columns than `csv.columns`, or than KDD has",
    "column_order": "a header names other columns, or in another order, than the rows behind it are read by",
    "csv_columns": "`csv.columns` or `csv.delimiter` cannot be used: no list, a name twice, more than one character",
    "ambiguous_delimiter": "a CSV line has a right number of columns by two delimiters",
    "label_not_a_word": "a number or a date stands in the column of the label, so the row is shifted",
    "partial_line": "a container runtime cut the line into parts",
    "several_lines": "a text that is no JSON holds a line break",
    "stray_quote": "a quote in a CSV line encloses no whole value",
    "invalid_json": "the line begins as JSON and is none",
    "not_an_object": "the line is JSON, but not one object",
    "no_event": "the document has neither a text in `message` nor any field of the model",
    "ambiguous_field": "a field of the model is there twice, spelled nested and dotted, with different values",
    "missing_feature": "a field of the model is missing or empty",
    "not_a_number": "something else stands where a number belongs",
    "not_finite": "a number is infinite, or too large for 32 bits",
    "not_a_word": "a number, a list or an object stands where a word belongs, or the word is too long",
    "too_many_fields": "the document has so many fields or list items that the engine stops reading them",
    "pipeline_error": "a processor failed in a way that is not foreseen; `oversight.failure.processor` names it",
}

OF_PROCESSOR: dict[str, dict[str, str]] = {
    "gather": {
        "type": "too_many_fields",
        "message": "the document has too many fields or list items to be read; ship the raw line as `message`",
    },
    "json-parse": {
        "type": "invalid_json",
        "message": "the line begins as JSON and cannot be read as such; ship one complete JSON object a line",
    },
    "json-number": {
        "type": "not_finite",
        "message": "the line holds a number that the engine cannot take, such as an integer beyond 64 bits; correct it at the source",
    },
}
"""Code and message where the engine's own processor fails, by its tag; its words follow in brackets."""
