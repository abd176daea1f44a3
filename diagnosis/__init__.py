"""The domain: studies, jobs, results, readings and their audit trail. Never imports TensorFlow."""

__version__ = "0.1.0"
