"""The autodiff route: blocks of any f that TensorFlow differentiates twice."""
