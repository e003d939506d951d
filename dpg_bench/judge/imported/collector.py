"""Gathering imported answers, each held against the suite and against what was said before."""

from __future__ import annotations

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine
from dpg_bench.judge.imported.official_detail import unknown_item
from dpg_bench.judge.imported.spelling import NoAnswerError, is_free_text, read_answer
from dpg_bench.records import Suite

OURS = ("judge_fingerprint", "crc32")
"""What only a line of our own judges has."""


class AnswerCollector:
    """Gathers the answers of a file line by line, holding each against the suite and the lines before."""

    def __init__(self, suite: Suite) -> None:
        self.table: dict[str, dict[int, dict[int, str]]] = {}
        self.fingerprint: str | None = None
        self.ours = False
        self.blank = 0
        self.free_text = False
        self.unclear: list[str] = []
        self.unanswered: set[tuple[str, int, int]] = set()
        self._suite = suite
        self._known = {p.item_id: {q.proposition_id: q.text for q in p.questions} for p in suite.prompts}
        self.image_digests: dict[tuple[str, int], str] = {}
        self.p_yes: dict[str, dict[int, dict[int, float]]] = {}

    def add(self, where: str, line: AnswerLine) -> None:
        """Take the answer of the line that stands at `where`."""
        known = self._known.get(line.item_id)
        if known is None:
            raise unknown_item(where, line.item_id, self._suite)
        if line.proposition_id not in known:
            raise BadInputError(
                f"{where}: item '{line.item_id}' has no question {line.proposition_id} in the suite "
                f"'{self._suite.name}', which has {', '.join(map(str, sorted(known)))}."
            )
        if line.question is not None and line.question != known[line.proposition_id]:
            raise BadInputError(
                f"{where}: question {line.proposition_id} of item '{line.item_id}' was {line.question!r}, but is "
                f"{known[line.proposition_id]!r} in the suite '{self._suite.name}'. Name the suite that was asked with "
                f"{option('suite')}."
            )
        self._check_judge(where, line.judge_fingerprint)
        answers = self.table.setdefault(line.item_id, {}).setdefault(line.image, {})
        if line.image_sha256 is not None:
            key = (line.item_id, line.image)
            if self.image_digests.setdefault(key, line.image_sha256) != line.image_sha256:
                self.image_digests[key] = line.image_sha256
                answers.clear()
                self.p_yes.get(line.item_id, {}).pop(line.image, None)
        answer = self._read(where, line)
        if answer is None:
            self.unanswered.add((line.item_id, line.image, line.proposition_id))
            return
        before = answers.setdefault(line.proposition_id, answer)
        if before != answer:
            raise BadInputError(
                f"{where}: question {line.proposition_id} about image {line.image} of item '{line.item_id}' is "
                f"answered {answer!r}, but {before!r} in an earlier line. Keep the one that holds."
            )
        if line.p_yes is not None:
            self.p_yes.setdefault(line.item_id, {}).setdefault(line.image, {})[line.proposition_id] = line.p_yes

    def _read(self, where: str, line: AnswerLine) -> str | None:
        if any(getattr(line, key) is not None for key in OURS):
            self.ours = True
            return line.answer
        try:
            answer = read_answer(line.answer)
        except NoAnswerError:
            if self.free_text:
                return self._free_text(line.answer)
            if is_free_text(line.answer):
                return line.answer.strip()
            raise BadInputError(
                f"{where}: the answer is {line.answer[:60]!r}, which is neither yes nor no. Write yes or no (or true, "
                "false, 1, 0), or leave it empty: an answer that isn't there leaves its item unscored."
            ) from None
        self.blank += answer is None
        return answer

    def _free_text(self, text: str) -> str | None:
        """As the judge said it: "no bus" is a no; what is neither is missing, and remembered."""
        if text.strip().casefold().startswith("no "):
            return "no"
        self.unclear.append(text)
        return None

    def _check_judge(self, where: str, fingerprint: str | None) -> None:
        if fingerprint is None:
            return
        if self.fingerprint is None:
            self.fingerprint = fingerprint
        if self.fingerprint != fingerprint:
            raise BadInputError(
                f"{where}: the judge's fingerprint is {fingerprint}, but {self.fingerprint} in the lines before. "
                "Scores of two judges can't be mixed; split the file by judge."
            )
