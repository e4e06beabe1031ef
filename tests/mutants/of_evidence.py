"""The defects of evidence: a lie about an audit that nobody would find."""

from mutants.defects import Defect, defect

FILE = "tests/unit/test_audit_file.py"
SIGNATURES = "tests/unit/test_signatures.py"
PROOFS = "tests/integration/evidence/test_proofs.py"
COMMAND = "tests/acceptance/test_cli_evidence.py"
CHAINS = "tests/integration/evidence/test_chains.py"
LINKS = "app/db/evidence/links.py"
WALK = "app/refunds/verify_chains.py"
CHAIN = "app/domain/texts/line_chain.py"
CHECK = "app/domain/texts/audit_file.py"
SIGNED = "app/signatures.py"

DEFECTS: tuple[Defect, ...] = (
    defect(
        "a line's hash is of the line alone",
        CHAIN,
        'sha256(before + first[:-1] + b"," + last[1:])',
        'sha256(first[:-1] + b"," + last[1:])',
        FILE,
    ),
    defect(
        "a row's hash is of the row alone",
        CHAIN,
        'sha256(f"{self._hash}{line}".encode())',
        "sha256(line.encode())",
        PROOFS,
    ),
    defect(
        "names are in the hashes of copied lines, and an erasure breaks them",
        CHAIN,
        'sha256(before + _MARKED.sub(b"", line))',
        "sha256(before + line)",
        f"{PROOFS}::test_the_hashes_stay_when_a_client_is_erased_and_a_mail_bounces",
    ),
    defect(
        "what stands between two cells that are taken out is taken out with them",
        CHAIN,
        "parts[1] and parts[2] == _BETWEEN and parts[3]",
        "parts[1] and parts[3]",
        FILE,
    ),
    defect(
        "names are in the hashes of rows, and an erasure breaks them",
        CHAIN,
        "            bare[place] = None\n",
        "            bare[place] = bare[place]\n",
        FILE,
    ),
    defect(
        "an empty cell that COPY marked is in quotes",
        CHAIN,
        'line.replace(_MARKED_EMPTY, b"").replace(',
        "line.replace(",
        FILE,
    ),
    defect(
        "a cell of PostgreSQL's may hold what marks cells",
        "app/db/jobs/audit_rows.py",
        "\"E'\\\\n\\\\r\\\\x1f', '   ')\"",
        "\"E'\\\\n\\\\r', '  ')\"",
        f"{PROOFS}::test_no_mark_of_ours_is_in_a_cell_though_it_be_in_a_row",
    ),
    defect(
        "the workbook's hashes are of texts that no CSV has",
        "app/cancellation/audit/audit_csv.py",
        "            of_csv[place] = cell\n",
        "            of_csv[place] = of_csv[place]\n",
        f"{PROOFS}::test_the_workbook_has_the_hashes_of_the_csv",
    ),
    defect(
        "check-audit believes the hash that a line ends with",
        CHECK,
        "if cells[-1] != f'\"{hashed}\"'.encode():",
        "if False:",
        FILE,
    ),
    defect(
        "check-audit takes a line that is cut off",
        CHECK,
        '    if not line.endswith(_END):\n        raise BrokenAudit(f"{where} is cut',
        '    if False:\n        raise BrokenAudit(f"{where} is cut',
        FILE,
    ),
    defect(
        "check-audit looks at no number of lines and no last hash",
        "app/cli/evidence.py",
        "if (checked.lines, checked.line_hash) != (proven.lines, proven.line_hash):",
        "if False:",
        COMMAND,
    ),
    defect(
        "any signature does",
        SIGNED,
        ".verify(signature, content)",
        "",
        SIGNATURES,
        COMMAND,
    ),
    defect(
        "a signed document of another kind is a proof",
        SIGNED,
        'header.get("typ") != typ',
        "False",
        SIGNATURES,
    ),
    defect(
        "the last of the keys signs",
        SIGNED,
        "signature = self._keys[0].sign(",
        "signature = self._keys[-1].sign(",
        SIGNATURES,
    ),
    defect(
        "a job that goes on is proven as final",
        "app/cancellation/audit/proof.py",
        "final=job.due_at is None",
        "final=True",
        PROOFS,
    ),
    defect(
        "nobody is told that audits have no proof",
        "app/config/production.py",
        "if settings.evidence_key is None and not settings.embedded:",
        "if False:",
        "tests/unit/test_production.py",
    ),
    defect(
        "a link is hashed without the one before it",
        "app/domain/chain.py",
        'sha256(f"{before}{sha256(',
        'sha256(f"{sha256(',
        CHAINS,
    ),
    defect(
        "a link on PostgreSQL is hashed without the one before it",
        LINKS,
        '{_sha256("e.head || hashed.content")}',
        '{_sha256("hashed.content")}',
        CHAINS,
    ),
    defect(
        "amounts are in no link",
        LINKS,
        '    *("amount_minor", "currency", "credits"),\n',
        '    *("currency", "credits"),\n',
        CHAINS,
    ),
    defect(
        "who made a change is in no link",
        LINKS,
        '"failure_code", "actor"),',
        '"failure_code"),',
        CHAINS,
    ),
    defect(
        "a group's outcomes are in no link on SQLite",
        "app/db/refunds/outcomes.py",
        "        await links.add_outcomes(conn, job_id, deed, written)\n",
        "",
        CHAINS,
    ),
    defect(
        "what people change is in no link",
        "app/db/refunds/manual_changes.py",
        "    await links.add(conn, job_id, deed, written)\n",
        "",
        CHAINS,
    ),
    defect(
        "an acceptance begins no chain",
        "app/cancellation/accept.py",
        "    await links.begin(conn, business_id, job.id, deed)\n",
        "",
        CHAINS,
    ),
    defect(
        "a withdrawal is no link",
        "app/cancellation/amend.py",
        "        await links.add(conn, job_id, JobDeed.by(DeedKind.WITHDRAWN, actor))\n",
        "",
        CHAINS,
    ),
    defect(
        "verify believes the hash that a link has",
        WALK,
        "hashed == link.hash",
        "True",
        CHAINS,
    ),
    defect(
        "verify doesn't miss the last link",
        WALK,
        "if job is None or (job.links, job.head) != (walk.number, walk.hash):",
        "if job is None:",
        CHAINS,
    ),
    defect(
        "verify doesn't see a chain whose end was taken away",
        WALK,
        "if job is None or (job.links",
        "if job is not None and (job.links",
        CHAINS,
    ),
    defect(
        "verify misses no outcome that no link has",
        WALK,
        "if await reading.count_outcomes(conn, job_id) != walk.outcomes:",
        "if False:",
        CHAINS,
    ),
    defect(
        "verify doesn't hold the job to its chain",
        WALK,
        'found += [_violation("chain-job", job_id, what) for what in _differences(job, walk)]',
        "pass",
        CHAINS,
    ),
    defect(
        "verify looks at no end that was handed out",
        WALK,
        "if await reading.hash_of(conn, one.job_id, one.links) != one.link",
        "if False",
        CHAINS,
    ),
    defect(
        "the event of an end tells nothing of the chain",
        "app/db/jobs/completion.py",
        "await links.head(conn, job_id))",
        "None)",
        CHAINS,
    ),
)
