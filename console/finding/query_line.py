"""Reads a query line, the simple part of Kibana's KQL, and returns the query of Elasticsearch.

    user: alpha and (severity >= high or not label: "normal") ──▶ {"bool": {"filter": [...]}}

    line  = and ("or" and)*                 and = not (["and"] not)*          not = "not"* one
    one   = "(" line ")"  |  field ":" value  |  field ("<" | "<=" | ">" | ">=") value  |  bare word
    value = word, with `*` for any characters  |  "quoted text"  |  "(" values with and, or, not ")"

Two bare words in a row must both match. A backslash takes the next character as it is; in quotes a backslash
with t, r or n is a tab, a return or a line end, as in KQL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from console.finding.errors import QueryLineError
from console.finding.fields import Fields, is_searchable
from console.finding.values import Query, Sign, Value, clause, network_of, pattern
from contract.documents.fields import Field
from contract.errors import shorten
from kibana.panels.model_view import DESTINATION, SOURCE

LONGEST_LINE = 2_000
MOST_CLAUSES = 400
"""Most comparisons of one line. A bare word counts once for each field in which it is searched."""
DEEPEST = 6
"""Most parentheses and `not` inside each other. Each takes up to 2 levels of a query, and OpenSearch accepts 20."""
SIGNS: tuple[Sign, ...] = ("<=", ">=", "<", ">", ":")
NAMED = {"t": "\t", "r": "\r", "n": "\n"}
"""What some letters after a backslash are in quotes."""
_ENDS = frozenset('()"<>')
_WORDS = ("and", "or", "not")


def parse(line: str, fields: Fields, *, now_ms: int) -> Query | None:
    """Return the query of a line; None if the line is empty.

    Args:
        line: what a person typed.
        fields: the fields that it can name.
        now_ms: the moment that `now` means, in milliseconds since 1970.
    Raises:
        QueryLineError: the line cannot be read; it has the position of the wrong character.
    """
    if len(line) > LONGEST_LINE:
        raise QueryLineError(
            f"the line has {len(line):,} characters, expected at most {LONGEST_LINE:,}; shorten it", LONGEST_LINE
        )
    half = next((place for place, letter in enumerate(line) if "\ud800" <= letter <= "\udfff"), None)
    if half is not None:
        raise QueryLineError("half of a character; remove it", half)
    return _Parser(line, fields, now_ms).whole()


class _Parser:
    """One line. `at` is the next character that is not read yet."""

    def __init__(self, line: str, fields: Fields, now_ms: int) -> None:
        self.line, self.fields, self.now_ms = line, fields, now_ms
        self.at = self.depth = self.clauses = 0
        self.bare_end = -1
        """Where the last bare word ended, with the blanks after it."""

    def whole(self) -> Query | None:
        self.skip_blanks()
        if self.at == len(self.line):
            return None
        found = self.either(self.one)
        if self.at < len(self.line):
            raise self.unexpected()
        return found

    # ---- and, or, not, parentheses

    def either(self, one: Callable[[], Query]) -> Query:
        parts = [self.both(one)]
        while self.word("or"):
            parts.append(self.both(one))
        return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}

    def both(self, one: Callable[[], Query]) -> Query:
        parts = [self.negated(one)]
        while self.word("and") or self.two_words():
            parts.append(self.negated(one))
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}

    def negated(self, one: Callable[[], Query]) -> Query:
        if not self.word("not"):
            return one()
        found = self.deeper(lambda: self.negated(one))
        return {"bool": {"must_not": [found]}}

    def inside(self, one: Callable[[], Query]) -> Query:
        """Read what is in parentheses, after the first one."""
        opened, self.at = self.at, self.at + 1
        found = self.deeper(lambda: self.either(one))
        if not self.character(")"):
            if self.at < len(self.line):
                raise self.unexpected()
            raise QueryLineError("this parenthesis is never closed; add `)`", opened)
        return found

    def deeper(self, read: Callable[[], Query]) -> Query:
        self.depth += 1
        if self.depth > DEEPEST:
            raise QueryLineError(
                f"more than {DEEPEST} parentheses and `not` are inside each other; simplify the line", self.at
            )
        found = read()
        self.depth -= 1
        return found

    # ---- one comparison

    def one(self) -> Query:
        self.skip_blanks()
        if self.peek() == "(":
            return self.inside(self.one)
        if self.peek() == '"':
            return self.anywhere(self.value())
        start, name = self.at, self.value(name=True)
        sign = self.sign()
        if sign is None:
            return self.anywhere(name)
        field = self.field(name.text, start)
        return self.compared(field, sign)

    def compared(self, field: Field, sign: Sign) -> Query:
        self.skip_blanks()
        if sign == ":" and self.peek() == "(":
            return self.inside(lambda: self.compared_value(field, sign))
        return self.compared_value(field, sign)

    def compared_value(self, field: Field, sign: Sign) -> Query:
        self.skip_blanks()
        if sign == ":" and self.peek() == "(":
            return self.inside(lambda: self.compared_value(field, sign))
        value = self.value()
        self.count(1, value.at)
        return clause(field, sign, value, now_ms=self.now_ms)

    def field(self, name: str, start: int) -> Field:
        found = self.fields.find(name)
        if found is None:
            similar = self.fields.similar(name)
            instead = f"did you mean {' or '.join(similar)}?" if similar else "the box suggests the names of fields"
            raise QueryLineError(
                f"there is no field {shorten(name)}; {instead} Put text with `:`, `<` or `>` in quotes", start
            )
        if not is_searchable(found):
            raise QueryLineError(f"{found.name} is stored, but it is not searched; name another field", start)
        return found

    def anywhere(self, value: Value) -> Query:
        """Return the query of a bare word: any of the usual fields contains it, in upper or lower case."""
        self.count(len(self.fields.word_fields) + 2, value.at)
        if not value.text:
            raise QueryLineError("a bare word cannot be empty; remove the quotes", value.at)
        contained = pattern(value)
        contained = contained if contained.startswith("*") else f"*{contained}"
        contained = contained if value.pieces[-1] == "" and value.is_pattern else f"{contained}*"
        anywhere: list[Query] = [
            {"wildcard": {name: {"value": contained, "case_insensitive": True}}} for name in self.fields.word_fields
        ]
        network = network_of(value.text)
        if network is not None:
            anywhere += [{"term": {name: network}} for name in (SOURCE, DESTINATION)]
        self.skip_blanks()
        self.bare_end = self.at
        return {"bool": {"should": anywhere, "minimum_should_match": 1}}

    def two_words(self) -> bool:
        """Whether a word follows a bare word, which needs no `and` between them."""
        came = self.at
        if came != self.bare_end:
            return False
        self.skip_blanks()
        follows = self.at < len(self.line) and self.peek() not in ")(" and not self.is_word(_WORDS)
        self.at = came
        return follows

    def count(self, clauses: int, at: int) -> None:
        self.clauses += clauses
        if self.clauses > MOST_CLAUSES:
            raise QueryLineError(f"the line has more than {MOST_CLAUSES} comparisons; shorten it", at)

    # ---- characters

    def value(self, *, name: bool = False) -> Value:
        """Read a value. A name ends before `:`, unless the whole word is an address such as fe80::1."""
        self.skip_blanks()
        start = self.at
        if self.peek() == '"':
            return Value((self.quoted(),), start, quoted=True)
        if self.is_word(_WORDS):
            raise QueryLineError(f"expected a value, found `{self.run()}`; put it in quotes to search for it", start)
        pieces = self.pieces(_ENDS)
        if name and network_of("*".join(pieces)) is None:
            self.at = start
            pieces = self.pieces(_ENDS | {":"})
        if self.at == start:
            raise self.unexpected()
        return Value(pieces, start)

    def pieces(self, ends: frozenset[str]) -> tuple[str, ...]:
        """Read up to a blank or one of the ends; return the text between the `*`."""
        text = ""
        found: list[str] = []
        while self.at < len(self.line) and not self.line[self.at].isspace() and self.line[self.at] not in ends:
            letter = self.line[self.at]
            if letter == "*":
                if text or not found:
                    found.append(text)
                text = ""
            else:
                text += self.escaped() if letter == "\\" else letter
            self.at += 1
        return (*found, text)

    def quoted(self) -> str:
        start, text = self.at, ""
        self.at += 1
        while self.at < len(self.line):
            letter = self.line[self.at]
            if letter == '"':
                self.at += 1
                return text
            text += NAMED.get(after := self.escaped(), after) if letter == "\\" else letter
            self.at += 1
        raise QueryLineError('this quote is never closed; add `"`', start)

    def escaped(self) -> str:
        """Return the character after a backslash, and stay on it."""
        if self.at + 1 == len(self.line):
            raise QueryLineError("nothing follows this backslash; write two for one backslash", self.at)
        self.at += 1
        return self.line[self.at]

    def sign(self) -> Sign | None:
        self.skip_blanks()
        for sign in SIGNS:
            if self.line.startswith(sign, self.at):
                self.at += len(sign)
                return sign
        return None

    def word(self, word: str) -> bool:
        """Read `and`, `or` or `not` if it is next."""
        self.skip_blanks()
        if not self.is_word((word,)):
            return False
        self.at += len(word)
        return True

    def is_word(self, words: Sequence[str]) -> bool:
        return self.run().lower() in words

    def run(self) -> str:
        """Return the characters up to a blank or a parenthesis, without reading them."""
        end = self.at
        while end < len(self.line) and not self.line[end].isspace() and self.line[end] not in _ENDS:
            end += 1
        return self.line[self.at : end]

    def character(self, letter: str) -> bool:
        self.skip_blanks()
        if self.peek() != letter:
            return False
        self.at += 1
        return True

    def peek(self) -> str:
        return self.line[self.at : self.at + 1]

    def skip_blanks(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def unexpected(self) -> QueryLineError:
        self.skip_blanks()
        if self.at == len(self.line):
            return QueryLineError("the line ends where a value or a field is expected", self.at)
        if self.peek() in "()<>:":
            return QueryLineError(f"`{self.peek()}` is not expected here; put it in quotes to search for it", self.at)
        return QueryLineError("expected `and` or `or` here; put a value with blanks in quotes", self.at)
