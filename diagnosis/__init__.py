"""The domain: studies, jobs, results, readings and their audit trail. Never imports TensorFlow."""
