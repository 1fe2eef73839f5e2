"""metlog.decorators.util: what a decorated callable is called in a message."""

from heka.decorators.util import return_fq_name

__all__ = ["return_fq_name"]
