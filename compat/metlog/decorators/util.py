"""metlog.decorators.util: the name of a decorated callable in messages."""

from heka.decorators.util import return_fq_name

__all__ = ["return_fq_name"]
