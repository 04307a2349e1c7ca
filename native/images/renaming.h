// Which symbols of an image get another name.
#ifndef SESHA_IMAGES_RENAMING_H_
#define SESHA_IMAGES_RENAMING_H_

#include <elf.h>

#include <functional>
#include <string>
#include <string_view>

namespace sesha::images {

/// Whether the C or C++ runtime, of which the process has one, defines that symbol. What it defines
/// keeps its name in images that define it too (operator new, type information of std types), as
/// C++ expects one definition of those in the whole process. Thread-safe.
bool runtime_defines(std::string_view name, uint32_t gnu_hash);

/// The name of a symbol in an image. `defined_by_image` tells of a symbol that the object only
/// refers to whether an image that it can see defines it; it is called with the name and its GNU
/// hash. Thread-safe.
std::string image_name(const Elf64_Sym& symbol, std::string_view name,
                       const std::function<bool(std::string_view, uint32_t)>& defined_by_image);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_RENAMING_H_
