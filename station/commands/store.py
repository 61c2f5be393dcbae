"""``plantar store``: what a studio keeps: made, verified, backed up, restored; a person exported, imported, erased."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import DONE, SOME_FAILED, UsageError
from station.extras import need

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser
    from station.store import Store

SCHEMA = "plantar/store/1"
Told = tuple[dict[str, Any], list[str], int]  #: of an action: its part of the document, its lines, the exit code


def arguments(parser: Parser, say: Texts) -> None:
    """What to do, with which store."""
    from station.store import FOLDER

    parser.inputs.add_argument("action", metavar="ACTION", choices=[*ACTIONS, RESTORE], help=say("store.action"))
    parser.inputs.add_argument("what", metavar="WHAT", nargs="?", default="", help=say("store.what"))
    add = parser.inputs.add_argument
    add("--data", metavar="DIR", default=FOLDER, help=say("store.data", default=FOLDER))
    add("--url", metavar="URL", help=say("store.url"))
    add("-o", "--output", metavar="FILE", default="", help=say("store.output"))
    add("--keys", metavar="FILE", default="", help=say("store.keys"))
    add("--passphrase-file", metavar="FILE", default="", help=say("store.passphrase_file"))
    add("--pin-file", metavar="FILE", default="", help=say("store.pin_file"))
    add("--trial", action="store_true", help=say("store.trial"))
    add("--dry-run", action="store_true", help=say("store.dry_run"))
    add("--yes", action="store_true", help=say("store.yes"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Do one action; the store is closed whatever comes of it."""
    for module in ("sqlalchemy", "alembic", "cryptography", "argon2"):
        need(module, "kiosk", "plantar store")
    if args.url and args.url.startswith("postgresql"):
        need("psycopg", "postgres", "plantar store --url")
    _check(args)
    if args.action == RESTORE:
        told, lines, code = _restore(args, console)
    elif args.action == "verify" and args.what and not args.what.endswith(".json"):
        told, lines, code = _verify_backup(Path(args.what), console)
    else:
        from station.store import open_store

        with open_store(args.data, args.url, create=args.action == "init") as store:
            told, lines, code = ACTIONS[args.action][0](store, args, console)
            told = {"store": store.id, **told}
    console.document({"schema": SCHEMA, "action": args.action, **told})
    console.print(lines)
    return code


def _check(args: argparse.Namespace) -> None:
    """UsageError where an action lacks what it needs."""
    _, wants, output = ACTIONS.get(args.action, (None, "a backup", ""))
    if wants and not args.what:
        raise UsageError(f"plantar store {args.action}: expected {wants}, found nothing; give it after the action")
    if output and not args.output:
        raise UsageError(f"plantar store {args.action}: expected a file to write, found none; give -o {output}")


# ------------------------------------------------------------------ the actions


def _init(store: Store, args: argparse.Namespace, console: Console) -> Told:
    folder = str(store.folder)
    lines = [console.say("store.made", folder=folder, id=store.id), console.say("store.look_after", folder=folder)]
    return {"folder": folder, "database": store.engine.dialect.name}, lines, DONE


def _verify(store: Store, args: argparse.Namespace, console: Console) -> Told:
    if args.what:
        return _verify_receipt(store, Path(args.what), console)
    from station.store import verifying

    with console.progress(5) as bar:
        found = verifying.verify(store, lambda what: bar.step(console.say(f"store.verifying_{what}")))
    for problem in found.problems:
        console.fail(problem)
    counts = {"people": found.people, "visits": found.visits, "files": found.files, "bytes": found.bytes,
              "orders": found.orders, "erased": found.erased}  # fmt: skip
    told = {**counts, "audit": {"number": found.audit_number, "hash": found.audit_hash}}
    lines = [
        console.say("store.holds", size=f"{found.bytes / 1e6:.1f}", **{k: counts[k] for k in counts if k != "bytes"})
    ]
    return (
        {**told, "problems": list(found.problems)},
        [*lines, *_verdict(console, found.problems)],
        _code(found.problems),
    )


def _verify_backup(file: Path, console: Console) -> Told:
    from station.store import backups

    found = backups.look(file)
    for problem in found.problems:
        console.fail(problem)
    lines = [*_backup_lines(console, found), *_verdict(console, found.problems)]
    return _backup_told(found), lines, _code(found.problems)


def _verify_receipt(store: Store, file: Path, console: Console) -> Told:
    from station.store import privacy, receipts

    receipt = receipts.read(file)
    good = privacy.is_receipt(store, receipt)
    problems = [] if good else [f"{file}: expected a receipt of this store for somebody who is gone, found another"]
    for problem in problems:
        console.fail(problem)
    return {"receipt": receipt.id, "problems": problems}, _verdict(console, problems), _code(problems)


def _backup(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.store import backups, keyfiles

    if not keyfiles.has_passphrase(store):
        keyfiles.set_passphrase(store, _secret(args.passphrase_file, console, "store.ask_passphrase", new=True))
    made = backups.backup(store, Path(args.output), Path(args.keys) if args.keys else None)
    key_file = Path(args.keys) if args.keys else made.file.with_name(keyfiles.NAME)
    for problem in made.problems:
        console.fail(problem)
    lines = [*_backup_lines(console, made), console.say("store.keys_beside", file=str(key_file))]
    return {**_backup_told(made), "keys": str(key_file)}, lines, _code(made.problems)


def _restore(args: argparse.Namespace, console: Console) -> Told:
    from station.store import backups, keyfiles, restoring, verifying

    file = Path(args.what)
    key_file = Path(args.keys) if args.keys else file.with_name(keyfiles.NAME)
    passphrase = _secret(args.passphrase_file, console, "store.ask_passphrase")
    back = restoring.restore(file, key_file, passphrase, args.data, args.url, args.trial)
    with back.store as restored:
        problems = verifying.verify(restored).problems
        for problem in problems:
            console.fail(problem)
        counts = {"people": back.people, "visits": back.visits, "files": back.files, "erased": back.erased}
        settings = "store.studio_too" if (restored.folder / backups.STUDIO_FILE).is_file() else "store.no_studio"
        lines = [console.say("store.restored", folder=str(restored.folder), **counts), console.say(settings)]
        lines += _verdict(console, problems)
        return (
            {"store": restored.id, "folder": str(restored.folder), **counts, "problems": list(problems)},
            lines,
            _code(problems),
        )


def _export(store: Store, args: argparse.Namespace, console: Console) -> Told:
    import io

    from station.store import disk, ids, portability

    data, person_id = io.BytesIO(), ids.read(args.what)
    count = portability.export(store, person_id, data, "command")
    disk.write(Path(args.output).absolute(), data.getvalue())
    told = {"person": person_id, "file": args.output, "files": count}
    return told, [console.say("store.exported", person=person_id, file=args.output, count=count)], DONE


def _import(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.store import portability

    person = portability.import_person(store, Path(args.what))
    return {"person": person.id}, [console.say("store.imported", file=args.what, person=person.id)], DONE


def _people(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.messages import table
    from station.store import people

    found = people.search(store, args.what) if args.what else people.everyone(store)
    told = [{"person": p.id, "family": p.profile_id, "created_at": p.created_at.isoformat(), "name": p.name,
             "phone": p.phone, "email": p.email, "birth_year": p.birth_year} for p in found]  # fmt: skip
    rows = [[p.id, p.name or "-", p.phone or "-", f"{p.created_at:%Y-%m-%d}"] for p in found]
    return {"people": told}, [*table(rows), console.say("store.people_count", count=len(found))], DONE


def _erase(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.store import ids, people, privacy, receipts

    person_id = people.get(store, ids.read(args.what)).id
    if not args.yes and not _agreed(console, person_id):
        raise UsageError(f"{person_id}: expected to be told to erase this person for good, found no; give --yes")
    receipt = privacy.erase(store, person_id, "command")
    document = receipts.document(receipt)
    if args.output:
        from station.console import dump

        Path(args.output).write_text(dump(document), encoding="utf-8")
    return {"receipts": [document]}, _erased_lines(console, [document]), DONE


def _sweep(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.store import privacy, receipts

    over = privacy.due(store)
    told = {"due": [{"person": d.person_id, "due_at": d.due_at.isoformat(), "reason": d.reason} for d in over]}
    if args.dry_run:
        lines = [console.say("store.would_erase", person=d.person_id, reason=d.reason) for d in over]
        return {**told, "receipts": []}, lines or [console.say("store.nobody_due")], DONE
    documents = [receipts.document(receipt) for receipt in privacy.sweep(store)]
    lines = _erased_lines(console, documents) or [console.say("store.nobody_due")]
    return {**told, "receipts": documents}, lines, DONE


def _staff(store: Store, args: argparse.Namespace, console: Console) -> Told:
    from station.messages import table
    from station.store import staff

    if args.what:
        staff.add(store, args.what, _secret(args.pin_file, console, "store.ask_pin", new=True))
    everybody = staff.listing(store)
    told = [{"staff": s.id, "name": s.name, "created_at": s.created_at.isoformat()} for s in everybody]
    lines = table([[s.id, s.name] for s in everybody]) or [console.say("store.no_staff")]
    return {"staff": told}, lines, DONE


Action = Callable[["Store", argparse.Namespace, "Console"], Told]
#: name -> what does it, what it wants after its name, the file that it writes
ACTIONS: dict[str, tuple[Action, str, str]] = {
    "init": (_init, "", ""),
    "verify": (_verify, "", ""),
    "backup": (_backup, "", "FILE.plantar-backup"),
    "export": (_export, "a person's id", "FILE.zip"),
    "import": (_import, "an export", ""),
    "people": (_people, "", ""),
    "erase": (_erase, "a person's id", ""),
    "sweep": (_sweep, "", ""),
    "staff": (_staff, "", ""),
}
RESTORE = "restore"  #: the one that no store is open for


# ------------------------------------------------------------------ what is said


def _verdict(console: Console, problems: list[str] | tuple[str, ...]) -> list[str]:
    return [console.say("store.problems", count=len(problems)) if problems else console.say("store.good")]


def _code(problems: list[str] | tuple[str, ...]) -> int:
    return SOME_FAILED if problems else DONE


def _backup_lines(console: Console, found: Any) -> list[str]:
    values = {"people": found.people, "visits": found.visits, "files": found.files}
    size = f"{found.bytes / 1e6:.1f}"
    return [console.say("store.backup_holds", file=str(found.file), size=size, at=found.created_at, **values)]


def _backup_told(found: Any) -> dict[str, Any]:
    return {
        "store": found.store_id, "file": str(found.file), "created_at": found.created_at, "people": found.people,
        "visits": found.visits, "files": found.files, "bytes": found.bytes,
        "audit": {"number": found.audit_number, "hash": found.audit_hash}, "problems": list(found.problems),
    }  # fmt: skip


def _erased_lines(console: Console, documents: list[dict[str, Any]]) -> list[str]:
    lines = []
    for told in documents:
        files, visits = told["erased"]["files"], told["erased"]["visits"]
        values = {"person": told["person"], "receipt": told["receipt"], "files": files, "visits": visits}
        lines.append(console.say("store.erased", **values))
        if told["key_files"]["pending"]:
            lines.append(console.say("store.pending", count=told["key_files"]["pending"]))
    return lines


def _agreed(console: Console, person_id: str) -> bool:
    if not sys.stdin.isatty():
        return False
    console.err.write(console.say("store.ask_erase", person=person_id) + " ")
    console.err.flush()
    return sys.stdin.readline().strip() == person_id


def _secret(file: str, console: Console, question: str, new: bool = False) -> str:
    """A passphrase or a PIN: the first line of a file, or asked on the terminal, twice where it is new."""
    if file:
        first = Path(file).read_text(encoding="utf-8").splitlines()[:1]
        return first[0] if first else ""
    if not sys.stdin.isatty():
        option = "--pin-file" if "pin" in question else "--passphrase-file"
        raise UsageError(f"{option}: expected a file with it where nobody can be asked, found none; give one")
    import getpass

    given = getpass.getpass(console.say(question) + " ", sys.stderr)
    if new and getpass.getpass(console.say("store.ask_again") + " ", sys.stderr) != given:
        raise UsageError("expected the same twice, found two different ones; try again")
    return given
