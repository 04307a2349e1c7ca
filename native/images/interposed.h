// The C library's functions that images call in a version of ours.
#ifndef SESHA_IMAGES_INTERPOSED_H_
#define SESHA_IMAGES_INTERPOSED_H_

#include <optional>
#include <string_view>

namespace sesha::images {

/// The name by which images refer to our version of C library function `name`; nothing if there is
/// none.
std::optional<std::string_view> interposed_name(std::string_view name);
/// Our version itself; null if there is none.
void* interposed_address(std::string_view name);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_INTERPOSED_H_
