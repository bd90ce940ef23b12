#pragma once

#include <string>

#include "host/train/sequences.h"

/// Sequential digits: the 64 pixels of an 8 × 8 handwritten digit one by one, 10 classes.
/// The data and their source are in bench/data.
namespace gradepth::train {

/// Reads `path`: one image a line, 64 integers 0 … 16 and the class 0 … 9, separated by commas.
/// Pixels are divided by 16. Refused, in one line that begins with the place, for a file that is
/// missing, malformed, or has fewer than 100 or more than a million images.
Sequences read_digits(const std::string& path);

struct Split {
  Sequences train;
  Sequences test;
};

/// A fifth of the images (of 1,797: 360) for the test, drawn at random by a fixed seed: the same
/// images for every run. Both parts have digits of the same writers, which is easier than new
/// writers would be.
Split split(const Sequences& all);

}  // namespace gradepth::train
