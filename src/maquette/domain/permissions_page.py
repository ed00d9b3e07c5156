"""docs/permissions.md, made from the permission table."""

from maquette.domain.permissions import ROLES, RULES, SCOPES, Rule


def render() -> str:
    """Return the page as Markdown."""
    lines = [
        "# Permissions",
        "",
        "<!-- Made by `make docs` from src/maquette/domain/permissions.py. Do not edit. -->",
        "",
        "Who may call which operation. The API enforces this very table; an operation without a row is refused. What it all",
        "means, and how to get a key: [authentication](authentication.md).",
        "",
        "## Roles",
        "",
        "A user has a role in each project he is a member of; each includes those above it. An operator has every project.",
        "",
        "| role | may |",
        "|---|---|",
        *(f"| `{role}` | {text} |" for role, text in ROLES.items()),
        "",
        "## Scopes",
        "",
        "A key may be narrowed to scopes: then it has those alone, of what its role allows.",
        "",
        "| scope | for |",
        "|---|---|",
        *(f"| `{scope}` | {text} |" for scope, text in SCOPES.items()),
        "",
        "## Operations",
        "",
        "By `operationId` of the OpenAPI document.",
        "",
        "| operation | who | scope |",
        "|---|---|---|",
        *(
            f"| `{name}` | {_who(rule)} | {f'`{rule.scope}`' if rule.scope else ''} |"
            for name, rule in RULES.items()
        ),
        "",
    ]
    return "\n".join(lines)


def _who(rule: Rule) -> str:
    if not rule.kinds:
        return "everybody"
    if rule.role is not None:
        return f"`{rule.role}`, operators"
    return ", ".join(f"{kind}s" for kind in sorted(rule.kinds))
