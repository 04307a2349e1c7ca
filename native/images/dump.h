// The image of one object by itself, for tests and tools.
#ifndef SESHA_IMAGES_DUMP_H_
#define SESHA_IMAGES_DUMP_H_

#include "sesha.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Writes to `descriptor`, from its beginning on, the image that a guest would get of the shared
/// object at `path`: under `soname`; each library that it needs, also in its version table, is
/// called "<soname>-needs-<name>"; every symbol that it refers to counts as defined by another
/// image unless a runtime defines it. Parts of the image that are mapped from the object after
/// loading are holes. Any thread; SESHA_ERROR if the object is no good or the descriptor does not
/// take the image (it must be of a regular file or memfd, open for writing).
SESHA_API sesha_status sesha_image_dump(const char* path, const char* soname, int descriptor);

#ifdef __cplusplus
}
#endif
#endif  // SESHA_IMAGES_DUMP_H_
