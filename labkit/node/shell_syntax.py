"""The shell's language, as far as the node's small shell speaks it: words, quotes, substitutions, pipes, lists, `if` and `for`."""

from __future__ import annotations

import re

from labkit.node.shell_tree import Command, For, Group, If, Part, Pipeline, Redirection, Script, Simple, Substitution, Text, Variable, Word

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[?#$@*0-9]")
_BRACED = re.compile(r"(?P<length>#)?(?P<name>[A-Za-z_][A-Za-z0-9_]*|[?#$@*0-9])(?:(?P<op>:?[-+]|%%|%|##|#)(?P<rest>[^{}]*))?")
_OPERATORS = ("&&", "||", ";;", ";", "|", "&", "(", ")", "\n")
_RESERVED_ENDS = frozenset({"then", "else", "elif", "fi", "do", "done", "}"})


class SyntaxRefusedError(Exception):
    """Something that this shell does not speak; the text says what."""


def parse(text: str) -> Script:
    """The script that `text` says.

    Raises:
        SyntaxRefusedError: it is wrong, or beyond this shell.
    """
    reader = _Reader(text)
    script = reader.script()
    if reader.token() is not None:
        raise SyntaxRefusedError(f'syntax error: unexpected "{reader.shown()}"')
    return script


class _Reader:
    """A reader of one script, from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def script(self) -> Script:
        steps: list[tuple[str, Pipeline]] = []
        operator = ";"
        while True:
            self._skip_newlines()
            if self._at_end():
                break
            steps.append((operator, self._pipeline()))
            found = self._operator(("&&", "||", ";", "\n", "&"))
            if found == "&":
                raise SyntaxRefusedError("background jobs (&) are not supported")
            if not found:
                break
            operator = ";" if found == "\n" else found
        if operator in ("&&", "||") and (not steps or self._missing_after(steps, operator)):
            raise SyntaxRefusedError("syntax error: unexpected end of file")
        return Script(tuple(steps))

    def _missing_after(self, steps: list[tuple[str, Pipeline]], operator: str) -> bool:
        return steps[-1][0] != operator

    def token(self) -> str | None:
        self._blanks()
        return None if self.at >= len(self.text) else self.text[self.at]

    def shown(self) -> str:
        rest = self.text[self.at :]
        found = next((operator for operator in _OPERATORS if rest.startswith(operator)), None)
        return (found or rest.split(maxsplit=1)[0]).replace("\n", "newline")

    def _unexpected(self) -> SyntaxRefusedError:
        return SyntaxRefusedError("syntax error: unexpected " + ("end of file" if self.token() is None else f'"{self.shown()}"'))

    def _at_end(self) -> bool:
        token = self.token()
        return token is None or token == ")" or self._peek_word() in _RESERVED_ENDS or self.text.startswith(";;", self.at)

    def _pipeline(self) -> Pipeline:
        negated = False
        while self._peek_word() == "!":
            self._take_word("!")
            negated = not negated
        commands = [self._command()]
        while self._operator(("|",), but=("||",)):
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated)

    def _command(self) -> Command:
        word = self._peek_word()
        if self.token() == "(":
            self.at += 1
            body = self.script()
            self._expect_operator(")")
            return Group(body, subshell=True, redirections=self._redirections())
        if word == "{":
            self._take_word("{")
            body = self.script()
            self._take_word("}")
            return Group(body, subshell=False, redirections=self._redirections())
        if word == "if":
            self._take_word("if")
            return self._if()
        if word == "for":
            self._take_word("for")
            return self._for()
        if word in ("while", "until", "case", "function"):
            raise SyntaxRefusedError(f"{word} is not supported")
        return self._simple()

    def _if(self) -> If:
        condition = self.script()
        self._take_word("then")
        then = self.script()
        found = self._peek_word()
        otherwise = Script(())
        if found == "elif":
            self._take_word("elif")
            return If(condition, then, Script(((";", Pipeline((self._if(),), negated=False)),)))
        if found == "else":
            self._take_word("else")
            otherwise = self.script()
        self._take_word("fi")
        return If(condition, then, otherwise)

    def _for(self) -> For:
        name = self._peek_word()
        if not NAME.fullmatch(name):
            raise SyntaxRefusedError("syntax error: bad for loop variable")
        self._take_word(name)
        self._skip_newlines()
        words: list[Word] = []
        self._take_word("in")
        while (token := self.token()) is not None and token not in ";\n":
            words.append(self._word())
        self._operator((";", "\n"))
        self._skip_newlines()
        self._take_word("do")
        body = self.script()
        self._take_word("done")
        return For(name, tuple(words), body)

    def _simple(self) -> Simple:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        redirections: list[Redirection] = []
        while (token := self.token()) is not None:
            if redirection := self._redirection():
                redirections.append(redirection)
                continue
            if token in ";|&()\n":
                break
            assignment = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=").match(self.text, self.at)
            if assignment and not words:
                self.at = assignment.end()
                assignments.append((assignment[1], self._word(empty=True)))
                continue
            words.append(self._word())
        if not (assignments or words or redirections):
            raise self._unexpected()
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    def _redirections(self) -> tuple[Redirection, ...]:
        found = []
        while redirection := self._redirection():
            found.append(redirection)
        return tuple(found)

    def _redirection(self) -> Redirection | None:
        self._blanks()
        match = re.compile(r"([0-2]?)(>>|>&|<<|>|<)").match(self.text, self.at)
        if not match:
            return None
        if match[2] == "<<":
            raise SyntaxRefusedError("here documents are not supported")
        self.at = match.end()
        write = match[2] != "<"
        stream = int(match[1]) if match[1] else int(write)
        target = self._word()
        return Redirection(stream, write, (Text("&", quoted=False), *target) if match[2] == ">&" else target)

    def _word(self, *, empty: bool = False) -> Word:
        if not empty:
            self._blanks()
        parts: list[Part] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in " \t\n;|&()<>":
                break
            if character == "'":
                end = self._find("'", self.at + 1)
                parts.append(Text(self.text[self.at + 1 : end], quoted=True))
                self.at = end + 1
            elif character == '"':
                self.at += 1
                parts += self._double_quoted()
            elif character == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                self.at += 2
                if escaped != "\n":
                    parts.append(Text(escaped, quoted=True))
            elif character in "$`":
                parts.append(self._dollar(quoted=False))
            else:
                match = re.compile(r"[^\s;|&()<>'\"\\$`]+").match(self.text, self.at)
                assert match  # every other character has a branch above
                parts.append(Text(match[0], quoted=False))
                self.at = match.end()
        if not parts and not empty:
            raise self._unexpected()
        return tuple(parts)

    def _double_quoted(self) -> list[Part]:
        parts: list[Part] = [Text("", quoted=True)]
        while self.at < len(self.text) and self.text[self.at] != '"':
            character = self.text[self.at]
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                escaped = self.text[self.at + 1]
                parts.append(Text("" if escaped == "\n" else escaped, quoted=True))
                self.at += 2
            elif character in "$`":
                parts.append(self._dollar(quoted=True))
            else:
                parts.append(Text(character, quoted=True))
                self.at += 1
        if self.at >= len(self.text):
            raise SyntaxRefusedError("syntax error: unterminated quoted string")
        self.at += 1
        return parts

    def _dollar(self, *, quoted: bool) -> Part:
        if self.text[self.at] == "`":
            end = self._find("`", self.at + 1)
            inner = parse(self.text[self.at + 1 : end].replace("\\`", "`"))
            self.at = end + 1
            return Substitution(inner, quoted)
        self.at += 1
        if self.text.startswith("((", self.at):
            raise SyntaxRefusedError("arithmetic is not supported")
        if self.text.startswith("(", self.at):
            self.at += 1
            inner = self.script()
            self._expect_operator(")")
            return Substitution(inner, quoted)
        if self.text.startswith("{", self.at):
            end = self._find("}", self.at)
            match = _BRACED.fullmatch(self.text[self.at + 1 : end])
            if not match:
                raise SyntaxRefusedError("syntax error: bad substitution")
            self.at = end + 1
            if match["length"]:
                return Variable(match["name"], quoted, "length")
            return Variable(match["name"], quoted, match["op"] or "", match["rest"] or "")
        match = _VARIABLE.match(self.text, self.at)
        if not match:
            return Text("$", quoted)
        self.at = match.end()
        return Variable(match[0], quoted)

    def _find(self, mark: str, start: int) -> int:
        end = self.text.find(mark, start)
        if end < 0:
            raise SyntaxRefusedError("syntax error: unterminated quoted string")
        return end

    def _blanks(self) -> None:
        match = re.compile(r"(?:[ \t]|\\\n)*(?:(?:(?<=\s)|^|(?<=;))#[^\n]*)?").match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _skip_newlines(self) -> None:
        self._blanks()
        while self.at < len(self.text) and self.text[self.at] == "\n":
            self.at += 1
            self._blanks()

    def _peek_word(self) -> str:
        self._blanks()
        match = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?=[\s;|&()<>]|$)|[!{}](?=[\s;]|$)").match(self.text, self.at)
        return match[0] if match else ""

    def _take_word(self, word: str) -> None:
        if self._peek_word() != word:
            shown = self.shown() if self.token() is not None else "end of file"
            raise SyntaxRefusedError(f'syntax error: unexpected {shown} (expecting "{word}")')
        self.at += len(word)

    def _operator(self, wanted: tuple[str, ...], but: tuple[str, ...] = ()) -> str:
        self._blanks()
        rest = self.text[self.at : self.at + 2]
        if rest == ";;" or any(rest.startswith(other) for other in but):
            return ""
        for operator in wanted:
            if rest.startswith(operator):
                self.at += len(operator)
                return operator
        return ""

    def _expect_operator(self, operator: str) -> None:
        self._skip_newlines()
        if not self._operator((operator,)):
            raise SyntaxRefusedError(f'syntax error: unexpected end of file (expecting "{operator}")')
