"""Scripts: the placeholder and nothing else is replaced, and the tracked head script is what the tables declare."""

from pathlib import Path

import pytest

from forecourt.errors import Misconfigured
from forecourt.tenancy.base import StoreTable
from forecourt.tenancy.render import Head, Tree, for_store, store_script, tenant_tree
from migrations.make_base import import_models
from tests.tenancy.sample import ADD_NOTE, metadata, tree

SCHEMA = "s_" + "0" * 31 + "1"


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("create schema tenant;", "create schema {s};"),
        ("grant select on tenant.a, tenant.b to tenant;", "grant select on {s}.a, {s}.b to {s};"),
        ("REFERENCES tenant.a (id)", "REFERENCES {s}.a (id)"),
        ("check (x <> 'tenant.a')", "check (x <> 'tenant.a')"),
        ("check (x <> 'it''s tenant')", "check (x <> 'it''s tenant')"),
        ('select "tenant" from tenant.a -- tenant', 'select "tenant" from {s}.a -- tenant'),
        ("/* tenant\n */ tenant.a", "/* tenant\n */ {s}.a"),
        ("$$ tenant $$ $x$ tenant $x$ tenant", "$$ tenant $$ $x$ tenant $x$ {s}"),
        ("to forecourt_tenant, tenant_x, x.tenant", "to forecourt_tenant, tenant_x, x.tenant"),
    ],
)
def test_the_placeholder_is_replaced_where_it_is_a_name(text: str, rendered: str) -> None:
    assert for_store(text, SCHEMA) == rendered.format(s=SCHEMA)


@pytest.mark.parametrize("name", ["public", "s_1", "s_" + "g" * 32, "s_" + "0" * 32 + "; drop", "control"])
def test_only_derived_names_are_put_into_a_script(name: str) -> None:
    with pytest.raises(ValueError):
        for_store("create schema tenant", name)


def test_the_tracked_head_script_is_what_the_tables_declare() -> None:
    import_models()
    assert Head.load() == Head(tenant_tree().head, store_script(StoreTable.metadata))


def test_a_script_is_the_same_every_time() -> None:
    assert store_script(metadata()) == store_script(metadata())


def test_a_tree_is_a_chain(tmp_path: Path) -> None:
    made = tree(tmp_path / "chain", ADD_NOTE)
    assert [step.revision for step in made.steps] == ["0001", "0002"] and made.head == "0002"
    assert [step.revision for step in made.after("0001")] == ["0002"] and made.after("0002") == ()
    branch = (tmp_path / "chain" / "versions" / "0002_step.py").read_text().replace("'0002'", "'0003'")
    (tmp_path / "chain" / "versions" / "branch.py").write_text(branch.replace('"0002"', '"0003"'))
    with pytest.raises(Misconfigured, match="several heads"):
        Tree(tmp_path / "chain")
    with pytest.raises(Misconfigured):
        Tree(tmp_path / "nowhere")


def test_a_head_script_names_its_revision(tmp_path: Path) -> None:
    head = Head("0007", "select 1;\n")
    (tmp_path / "head.sql").write_text(head.to_text())
    assert Head.load(tmp_path / "head.sql") == head
    (tmp_path / "head.sql").write_text("select 1;")
    for wrong in ("head.sql", "missing.sql"):
        with pytest.raises(Misconfigured):
            Head.load(tmp_path / wrong)
