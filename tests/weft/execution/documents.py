"""Random documents for a schema: mostly valid, with fields that merge without conflict."""

from random import Random
from typing import Any

from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

MAX_DEPTH = 5
FLAGS = ("p", "q", "r")


class DocumentMaker:
    """Makes one document and its variables."""

    def __init__(self, random: Random, schema: GraphQLSchema) -> None:
        self.random = random
        self.schema = schema
        self.budget = random.choice((10, 30, 80))
        self.used: dict[str, str] = {}
        self.variables: dict[str, Any] = {}
        self.arguments: dict[str, str] = {}
        self.fragments: dict[str, tuple[Any, str]] = {}

    def make(self) -> tuple[str, dict[str, Any]]:
        random = self.random
        rare = ("mutation", "subscription") if self.schema.mutation_type else ()
        operation = random.choice(("query", "query", "query", "query", *rare))
        root: Any = {
            "query": self.schema.query_type,
            "mutation": self.schema.mutation_type,
            "subscription": self.schema.subscription_type,
        }[operation]
        self._make_fragments()
        if operation == "subscription":
            body = "{ " + self._field(root, random.choice(list(root.fields)), 0, bare=True) + " }"
        else:
            body = self._selections(root, 0)
        spread = {name: text for name, (_, text) in self.fragments.items()}
        texts = [body]
        pending, reached = [body], set()
        while pending:
            text = pending.pop()
            for name, fragment in spread.items():
                if f"...{name} " in text and name not in reached:
                    reached.add(name)
                    texts.append(f"fragment {name} on {self.fragments[name][0].name} {fragment}")
                    pending.append(fragment)
        text = "\n".join(texts)
        definitions = ", ".join(
            f"${name}: {type_}" for name, type_ in self.used.items() if f"${name}" in text
        )
        head = f"{operation} Op({definitions})" if definitions else operation
        used = {name: value for name, value in self.variables.items() if f"${name}" in text}
        return f"{head} {text}", used

    def _make_fragments(self) -> None:
        types = [type_ for type_ in self.schema.type_map.values() if type_.name in _COMPOSITES]
        for index in reversed(range(self.random.randrange(4))):
            type_ = self.random.choice(types)
            # Only fragments made before can be spread in it, so there are no cycles.
            self.fragments[f"F{index}"] = (type_, self._selections(type_, 3))

    def _selections(self, type_: Any, depth: int) -> str:
        random = self.random
        parts = []
        for _ in range(random.choice((1, 2, 3, 4, 6))):
            self.budget -= 1
            parts.append(self._selection(type_, depth))
        return "{ " + " ".join(parts) + " }"

    def _selection(self, type_: Any, depth: int) -> str:
        random = self.random
        choice = random.random()
        if choice < 0.12:
            return self._spread(type_, depth)
        if choice < 0.27 and depth < MAX_DEPTH and self.budget > 0:
            on = random.choice([type_, *self._overlapping(type_)])
            condition = f"on {on.name} " if on is not type_ or random.random() < 0.5 else ""
            return f"... {condition}{self._directives()}{self._selections(on, depth + 1)}"
        fields = list(getattr(type_, "fields", {}))
        if not fields or choice > 0.95:
            return f"{self._alias('__typename', 'tn')}__typename{self._directives()}"
        return self._field(type_, random.choice(fields), depth)

    def _spread(self, type_: Any, depth: int) -> str:
        fitting = [
            name
            for name, (on, _) in self.fragments.items()
            if on is type_ or on in self._overlapping(type_)
        ]
        if not fitting:
            return "__typename"
        return f"...{self.random.choice(fitting)} {self._directives()}"

    def _overlapping(self, type_: Any) -> list[Any]:
        if is_abstract_type(type_):
            possible = set(self.schema.get_possible_types(type_))
        else:
            possible = {type_}
        return [
            other
            for other in self.schema.type_map.values()
            if (other in possible)
            or (is_abstract_type(other) and possible & set(self.schema.get_possible_types(other)))
        ]

    def _field(self, type_: Any, name: str, depth: int, *, bare: bool = False) -> str:
        field = type_.fields[name]
        named = get_named_type(field.type)
        leaf = is_leaf_type(named)
        if not leaf and (depth >= MAX_DEPTH or self.budget <= 0) and not bare:
            return "__typename"
        response = self._alias(name, f"x_{name}")
        # Fields that merge must have the same arguments.
        key = response or name
        if key not in self.arguments:
            self.arguments[key] = self._argument_list(field)
        below = "" if leaf else self._selections(named, depth + 1)
        directives = "" if bare else self._directives()
        return f"{response}{name}{self.arguments[key]}{directives}{below}"

    def _alias(self, name: str, alias: str) -> str:
        return f"{alias}: " if self.random.random() < 0.15 else ""

    def _argument_list(self, field: Any) -> str:
        given = []
        for name, argument in field.args.items():
            if self.random.random() < 0.75:
                type_ = argument.type
                if name == "intDefault" and self.random.random() < 0.5:
                    # A variable that may be null or absent is valid where there is a default.
                    type_ = get_nullable_type(type_)
                given.append(f"{name}: {self._input(type_, variable=True)}")
        return f"({', '.join(given)})" if given else ""

    def _directives(self) -> str:
        random = self.random
        text = ""
        for name in ("skip", "include"):
            if random.random() < 0.12:
                text += f" @{name}(if: {self._flag()})"
        return f"{text} "

    def _flag(self) -> str:
        if self.random.random() < 0.3:
            return self.random.choice(("true", "false"))
        name = self.random.choice(FLAGS)
        if name not in self.used:
            default = self.random.choice(("", "", " = true"))
            self.used[name] = f"Boolean{'!' if not default else ''}{default}"
            if not default or self.random.random() < 0.5:
                self.variables[name] = self.random.choice((True, False))
            elif self.random.random() < 0.1:
                self.variables[name] = None
        return f"${name}"

    def _input(self, type_: Any, *, variable: bool) -> str:
        random = self.random
        if variable and random.random() < 0.35:
            return self._variable(type_)
        if is_non_null_type(type_):
            return self._input(type_.of_type, variable=False) if random.random() < 0.97 else "null"
        if random.random() < 0.1:
            return "null"
        if is_list_type(type_):
            items = [self._input(type_.of_type, variable=True) for _ in range(random.randrange(3))]
            return f"[{', '.join(items)}]"
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_)
        return self._leaf(type_)

    def _object(self, type_: GraphQLInputObjectType) -> str:
        names = list(type_.fields)
        if type_.is_one_of:
            name = self.random.choice(names)
            return f"{{{name}: {self._leaf(type_.fields[name].type)}}}"
        chosen = [
            name
            for name in names
            if is_non_null_type(type_.fields[name].type) or self.random.random() < 0.5
        ]
        inner = (
            f"{name}: {self._input(type_.fields[name].type, variable=True)}" for name in chosen
        )
        return f"{{{', '.join(inner)}}}"

    def _leaf(self, type_: Any) -> str:
        if self.random.random() < 0.01:
            return "[[7]]"
        if is_enum_type(type_):
            return self.random.choice(("RED", "BLUE"))
        return {
            "Int": "5",
            "String": '"t"',
            "Boolean": "true",
            "ID": "77",
            "Odd": self.random.choice(("3", "3", "3", "4")),
        }[type_.name]

    def _variable(self, type_: Any) -> str:
        random = self.random
        spelled = str(type_)
        name = (
            "v_"
            + "".join(letter for letter in spelled if letter.isalnum())
            + str(random.randrange(2))
        )
        if name not in self.used:
            default = ""
            plain = get_nullable_type(type_)
            if is_leaf_type(plain) and random.random() < 0.4:
                default = f" = {self._leaf(plain)}"
            self.used[name] = f"{spelled}{default}"
            if is_non_null_type(type_) or random.random() < 0.7:
                self.variables[name] = self._value(type_)
        return f"${name}"

    def _value(self, type_: Any) -> Any:
        random = self.random
        if random.random() < 0.04:
            return random.choice(({"wrong": 1}, None))
        if not is_non_null_type(type_) and random.random() < 0.15:
            return None
        type_ = get_nullable_type(type_)
        if is_list_type(type_):
            return [self._value(type_.of_type) for _ in range(random.randrange(3))]
        if isinstance(type_, GraphQLInputObjectType):
            if type_.is_one_of:
                return random.choice(({"left": 3}, {"right": "r"}, {"left": None}))
            return {
                name: self._value(field.type)
                for name, field in type_.fields.items()
                if is_non_null_type(field.type) or random.random() < 0.5
            }
        values = {
            "Int": (1, 2.0, 2**31 - 1, 2**31),
            "String": ("s", ""),
            "Boolean": (True, False),
            "ID": ("i", 5),
            "Odd": (1, 3, 3, 4),
            "Colour": ("RED", "BLUE", "BLUE"),
        }
        return random.choice(values[type_.name])


_COMPOSITES = frozenset({"A", "B", "C", "D", "Fast", "Mixed", "Any", "Swapped"})
