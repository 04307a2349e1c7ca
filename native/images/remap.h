// After loading: the pages of an image that equal those of its object become those of the object.
#ifndef SESHA_IMAGES_REMAP_H_
#define SESHA_IMAGES_REMAP_H_

#include <cstdint>

#include "images/object.h"
#include "images/writer.h"

namespace sesha::images {

/// Maps every page of the image at load address `base` that the loader did not write from the
/// object's own file
/// (`descriptor`), so that all guests, all processes and the host share it; shares the added tables
/// with other guests; gives the image file's own pages back. Must run before anything runs in the
/// image. Throws Error.
void share_pages(const Object& object, Image& image, uint64_t base, int descriptor);

/// Makes `to`, written for the same object, equal to `from`.
void copy_image(const Image& from, Image& to);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_REMAP_H_
