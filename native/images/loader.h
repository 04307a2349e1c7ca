// Loads images into a guest: the guest's own dynamic loader, on top of the process's.
#ifndef SESHA_IMAGES_LOADER_H_
#define SESHA_IMAGES_LOADER_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "images/object.h"
#include "images/search.h"

namespace sesha::images {

struct Image;
class Space;

/// An object of which a guest has an image. Never freed, since nothing that a guest loads is ever
/// unloaded.
struct Library {
  enum class State { planned, loading, loaded, failed };

  Space* space = nullptr;
  std::shared_ptr<const Object> object;
  State state = State::planned;
  std::string soname;                  ///< of the image
  std::vector<std::string> names;      ///< by which it was needed or opened without a path
  const Library* loader = nullptr;     ///< the library that needed or opened it first
  bool opened = false;                 ///< by dlopen, in place of needed
  std::vector<Library*> dependencies;  ///< images that it needs, in order
  std::vector<std::string> shared;  ///< what else it needs: names and paths for the dynamic loader
  std::vector<std::pair<std::string, std::string>> renamed_libraries;
  void* handle = nullptr;
  uintptr_t base = 0;
};

/// For each unique symbol (STB_GNU_UNIQUE) by name the library whose definition counts.
using Uniques = std::unordered_map<std::string_view, const Library*>;

/// The images of one guest.
///
/// **Guarantees:** an object has at most one image in a space; constructors run once, after those
/// of its dependencies; a failed open changes nothing that later opens would see.
/// **This code assumes:** nobody unloads images. A space's lock may be held while the process's
/// loader lock is taken, never the other way round. Constructors run with the space's lock held (it
/// is recursive), as the process's loader does with its own.
class Space {
 public:
  explicit Space(uint32_t index) : index_(index) {}
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  uint32_t index() const { return index_; }
  /// Loads libpython; every other image of the space needs it. Throws Error.
  Library* open_python(const std::string& path);
  /// What dlopen(3) does, for `caller` (null: code of unknown origin in this guest). Returns the
  /// process's own handle of an image or a shared library, or null with RTLD_NOLOAD when the
  /// library is not loaded. Throws Error.
  void* open(const char* name, int flags, const Library* caller);
  /// What dlsym(3) does, or dlvsym(3) with a version. Null when there is no such symbol.
  void* symbol(void* handle, const char* name, const Library* caller,
               const char* version = nullptr);

 private:
  Library* find_loaded(std::string_view name);
  Library* plan(std::shared_ptr<const Object> object, const Library* loader);
  void plan_dependency(Library& library, std::string_view name);
  bool reaches(const Library& from, const Library& to) const;
  void plan_shared(Library& library, std::string_view name, const Object& object,
                   const Chain& chain);
  void* open_unlocked(const char* name, int flags, const Library* caller);
  void load(Library& library, int flags);
  void load_together(Library& root, int flags);
  void finish(Library& library, Image& image, const std::string& path);
  Image write(const Library& library, std::vector<std::string> needed);
  std::vector<std::string> needed(const Library& library) const;
  void make_global(Library& library);

  const uint32_t index_;
  mutable std::recursive_mutex mutex_;
  std::deque<Library> libraries_;  // addresses are stable
  Library* python_ = nullptr;
  Uniques uniques_;
  std::vector<Library*> globals_;  // opened with RTLD_GLOBAL, with what they need, in order
};

/// The library whose image holds that address, null when there is none. Thread-safe, and quick.
Library* library_at(const void* address);

/// Whether code in `object` is shared by all guests in place of having images: the C and C++
/// runtimes, libraries of the system, and pure computing or driver libraries; never what needs
/// Python.
bool is_shared(const Object& object);
/// Whether the object refers to symbols that only libpython defines.
bool needs_python(const Object& object);

}  // namespace sesha::images

#endif  // SESHA_IMAGES_LOADER_H_
