"""As much of the package as addons of tests import: any name exists and does nothing."""


class Anything:
    """A base class, decorator, field or function that has no effect."""

    def __init__(self, *args, **kwargs):
        pass

    def __init_subclass__(cls, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        # A decorator hands back what it decorates.
        return args[0] if len(args) == 1 and callable(args[0]) else Anything()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything()


class _Names:
    """A module whose every name is a class that does nothing."""

    def __getattr__(self, name):
        return type(name, (Anything,), {})


SUPERUSER_ID = 1
models = _Names()
fields = _Names()
exceptions = type("exceptions", (), {"UserError": Exception, "ValidationError": Exception})
api = Anything()
http = Anything()
tools = Anything()


def _(text, *args):
    return text % args if args else text
