"""The command `check-audit`: whether an audit that was kept is what its proof says.

It opens no database and asks nobody.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.terminal import CommandError, configured, result, say
from app.domain.days import instant_text
from app.domain.events import EventType
from app.domain.nouns.evidence import TYP, AuditProof
from app.domain.texts.audit_file import BrokenAudit, CheckedAudit, check
from app.refunds.verify_chains import HandedOut
from app.signatures import NotSigned, PublicKey, document_of, keys_of

_MAX_DOCUMENT_BYTES: Final = 64 * 1024

AuditFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The audit CSV.", exists=True, dir_okay=False)
]
ProofFile = Annotated[
    Path, typer.Argument(metavar="PROOF", help="Its proof.", exists=True, dir_okay=False)
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        help=(
            "A file with the public key as JWK, or the set that /v1/evidence/keys gave. Without: "
            "the keys of this installation."
        ),
        exists=True,
        dir_okay=False,
    ),
]


def check_audit(file: AuditFile, proof: ProofFile, key: KeyFile = None) -> None:
    """Check an audit CSV against its signed proof, offline.

    Prints what is proven; exits 1 and says where when a line was changed, left out, put in or
    moved, or when the proof is not signed with the key.
    """
    keys = _own_keys() if key is None else _keys_in(key)
    proven, kid = _proven(proof, keys)
    try:
        with file.open("rb") as lines:
            checked = check(lines)
    except BrokenAudit as broken:
        raise CommandError(f"{file}: {broken}") from None
    _compare(file, checked, proven)
    for name, value in (
        *(("job_id", proven.job_id), ("business_id", proven.business_id)),
        *(("status", proven.status), ("final", "yes" if proven.final else "no")),
        *(("lines", checked.lines), ("line_hash", checked.line_hash)),
        *(("links", proven.links), ("link", proven.link or "none")),
        *(("proven_at", instant_text(proven.proven_at)), ("kid", kid)),
    ):
        result(f"{name}\t{value}")
    say("The audit is what its proof says.")


def handed_out_in(file: Path, key: Path | None) -> HandedOut:
    """The end of a chain as a file has it: a signed proof, or an event of an ended job.

    An event is believed as it is: whoever kept it has checked its signature.
    """
    document = _document(file)
    data = document.get("data") if isinstance(document, dict) else None
    if isinstance(data, dict) and document.get("type") == EventType.COMPLETED:
        evidence = data.get("evidence")
        if not isinstance(evidence, dict):
            raise CommandError(f"{file}: the event has no evidence.")
        return HandedOut(str(data["job_id"]), int(evidence["links"]), str(evidence["link"]))
    proven, _ = _proven(file, _own_keys() if key is None else _keys_in(key))
    if proven.link is None:
        raise CommandError(f"{file}: the job had no chain, as it was accepted before there were.")
    return HandedOut(proven.job_id, proven.links, proven.link)


def _compare(file: Path, checked: CheckedAudit, proven: AuditProof) -> None:
    if (checked.lines, checked.line_hash) != (proven.lines, proven.line_hash):
        raise CommandError(
            f"{file}: it is not what was proven at {instant_text(proven.proven_at)}: it has "
            f"{checked.lines} lines of {proven.lines}, and the last has the hash "
            f"{checked.line_hash}, not {proven.line_hash}. It was changed, or is of another time: "
            "of a job that is not final, take both again."
        )


def _proven(file: Path, keys: list[PublicKey]) -> tuple[AuditProof, str]:
    try:
        document, kid = document_of(_document(file), keys, typ=TYP)
        return AuditProof.of(document), kid
    except ValueError as wrong:
        raise CommandError(f"{file}: no proof: {wrong}.") from None


def _keys_in(file: Path) -> list[PublicKey]:
    try:
        return keys_of(_document(file))
    except NotSigned as wrong:
        raise CommandError(f"{file}: {wrong}.") from None


def _own_keys() -> list[PublicKey]:
    keys = configured().signing_keys()
    if keys is None:
        raise CommandError(
            "Name the public key with --key: BULK_CANCEL_EVIDENCE_KEY is not set here."
        )
    return keys.public


def _document(file: Path) -> Any:
    with file.open("rb") as opened:
        content = opened.read(_MAX_DOCUMENT_BYTES)
    try:
        return json.loads(content)
    except ValueError:
        raise CommandError(f"{file}: no JSON.") from None
