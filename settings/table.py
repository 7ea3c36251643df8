"""Settings as a Markdown table: every field with its variable, default, meaning and limits."""

from collections.abc import Callable, Iterator, Mapping

from annotated_types import Ge, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo


def settings_rows(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    """Yields the lines of a Markdown table of fields by their names, in their order."""
    yield "| Variable | Default | Meaning |"
    yield "| --- | --- | --- |"
    for name, field in fields.items():
        yield f"| `{name.upper()}` | {_default(field)} | {field.description}{_limits(field)} |"


def _default(field: FieldInfo) -> str:
    default: object = field.get_default(call_default_factory=True, validated_data={})
    match default:
        case None | [] | {}:
            return ""
        case SecretStr():
            return "for development only"
        case bool():
            return f"`{str(default).lower()}`"
        case list():
            return f"`{','.join(map(str, default))}`"
        case _:
            return f"`{default}`"


def _limits(field: FieldInfo) -> str:
    least = next((str(limit.ge) for limit in field.metadata if isinstance(limit, Ge)), "")
    most = next((str(limit.le) for limit in field.metadata if isinstance(limit, Le)), "")
    if least and most:
        return f" {least} to {most}."
    return f" At least {least}." if least else ""


def with_tables(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """Returns the text with new tables in place of those between the comments of their names."""
    for name, table in tables.items():
        before, after = text.split(f"<!-- {name} -->\n")
        _, rest = after.split(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n{table()}<!-- /{name} -->{rest}"
    return text
