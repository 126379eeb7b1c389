"""Metrics: figures that say how good drawn images, restored images and latent codes are.

What stands where: `images.py` compares an image with the one that was wanted.  `classifier.py` is the course
classifier, on whose features and verdicts the next three work: `distances.py` (Fréchet, kernel), `neighbours.py`
(precision, recall, density, coverage, copies) and `verdicts.py` (sharpness, diversity, the class asked for); `judge.py`
puts them together.  `toys.py` is for points in the plane and `latents.py` for variational autoencoders.
"""

from minigen.metrics.classifier import CourseClassifier, course_classifier, to_grey28
from minigen.metrics.distances import frechet_distance, frechet_from_moments, kernel_distance
from minigen.metrics.images import accuracy, luma, psnr, ssim
from minigen.metrics.judge import judge_generator
from minigen.metrics.latents import (
    active_units,
    importance_bounds,
    mutual_information_gap,
    negative_elbo,
    rate_distortion,
)
from minigen.metrics.neighbours import (
    compare_distances,
    density_coverage,
    memorisation,
    nearest_distances,
    nearest_neighbours,
    precision_recall,
)
from minigen.metrics.toys import mixture_log_density, mode_coverage, optimal_discriminator, wasserstein_1d
from minigen.metrics.verdicts import (
    calibration,
    class_histogram,
    conditional_accuracy,
    confidence_share,
    confusion_matrix,
    inception_score,
    within_class_variance,
)

__all__ = [
    "CourseClassifier",
    "accuracy",
    "active_units",
    "calibration",
    "class_histogram",
    "compare_distances",
    "conditional_accuracy",
    "confidence_share",
    "confusion_matrix",
    "course_classifier",
    "density_coverage",
    "frechet_distance",
    "frechet_from_moments",
    "importance_bounds",
    "inception_score",
    "judge_generator",
    "kernel_distance",
    "luma",
    "memorisation",
    "mixture_log_density",
    "mode_coverage",
    "mutual_information_gap",
    "nearest_distances",
    "nearest_neighbours",
    "negative_elbo",
    "optimal_discriminator",
    "precision_recall",
    "psnr",
    "rate_distortion",
    "ssim",
    "to_grey28",
    "wasserstein_1d",
    "within_class_variance",
]
