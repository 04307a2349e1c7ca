// Where a needed library lies: the dynamic loader's own rules (ld.so(8)), as far as they lead into
// folders that objects or the environment name. What they do not find is left to the dynamic
// loader's cache and default folders.
#ifndef SESHA_IMAGES_SEARCH_H_
#define SESHA_IMAGES_SEARCH_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "images/object.h"

namespace sesha::images {

/// An object and those that caused it to be loaded, nearest first: DT_RPATH is inherited along this
/// chain, DT_RUNPATH is not.
using Chain = std::vector<const Object*>;

/// Expands $ORIGIN, ${ORIGIN} and $LIB, and splits at any of `separators`.
std::vector<std::string> expand(std::string_view list, std::string_view origin,
                                const char* separators = ":");

/// The path of library `name` as needed or opened by chain.front(), without symbolic links
/// resolved; nothing when only the dynamic loader can tell. Reads LD_LIBRARY_PATH as it was when
/// the process started.
std::optional<std::string> find_library(std::string_view name, const Chain& chain);

/// The path of a library of the system by that name, as the dynamic loader's cache (ld.so.cache)
/// has it; nothing when the cache has none or can't be read.
std::optional<std::string> find_in_cache(std::string_view name);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_SEARCH_H_
