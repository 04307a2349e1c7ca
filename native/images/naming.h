// How images name their symbols and themselves.
#ifndef SESHA_IMAGES_NAMING_H_
#define SESHA_IMAGES_NAMING_H_

#include <string>
#include <string_view>

#include "images/object.h"

namespace sesha::images {

/// What every symbol that an image defines starts with, so that nothing outside can capture a
/// reference to it.
///
/// One prefix serves all guests: images are loaded with RTLD_LOCAL, and an image's scope holds only
/// images of its own guest. The prefix is a fixed point of the GNU hash, gnu_hash(prefix) ==
/// gnu_hash(""), hence gnu_hash(prefix + name) == gnu_hash(name) for every name: the hash table of
/// an object, the order of its symbols and all its relocations hold for the image as they are, and
/// their pages stay those of the original file.
inline constexpr std::string_view kPrefix = "sesha_ccfmdbo_";

/// Every image needs the core: it defines the interposed functions.
inline constexpr const char* kCoreName = "libsesha.so.0";

inline std::string renamed(std::string_view name) {
  return std::string(kPrefix) + std::string(name);
}

/// The symbol's own name: without the prefix, if it has it.
inline const char* original_name(const char* name) {
  return std::string_view(name).starts_with(kPrefix) ? name + kPrefix.size() : name;
}

}  // namespace sesha::images

#endif  // SESHA_IMAGES_NAMING_H_
