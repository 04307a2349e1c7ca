#include "images/loader.h"

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <shared_mutex>
#include <utility>

#include "images/borrowing.h"
#include "images/interposed.h"
#include "images/naming.h"
#include "images/remap.h"
#include "images/renaming.h"
#include "images/writer.h"

namespace sesha::images {
namespace {

/// Address ranges of all images of all guests.
struct Ranges {
  std::shared_mutex mutex;
  std::map<uintptr_t, std::pair<uintptr_t, Library*>> by_begin;  // to the end and the owner
};
Ranges& ranges = *new Ranges();

/// What the constructors of a program's libraries get from the loader.
struct Arguments {
  int count = 0;
  char** values = nullptr;
};
Arguments arguments;

__attribute__((constructor)) void keep_arguments(int count, char** values, char**) {
  arguments = {count, values};
}

Chain chain_of(const Library* library) {
  Chain chain;
  for (; library != nullptr; library = library->loader) chain.push_back(library->object.get());
  return chain;
}

void collect(const Library& library, std::vector<const Library*>& into) {
  if (std::find(into.begin(), into.end(), &library) != into.end()) return;
  into.push_back(&library);
  for (const Library* dependency : library.dependencies) collect(*dependency, into);
}

/// All that `library` needs and it itself, each after what it needs, as far as circles let that be.
void collect_in_order(Library& library, std::vector<Library*>& seen, std::vector<Library*>& into) {
  if (std::find(seen.begin(), seen.end(), &library) != seen.end()) return;
  seen.push_back(&library);
  for (Library* dependency : library.dependencies) collect_in_order(*dependency, seen, into);
  into.push_back(&library);
}

/// The order in which the loader searches for symbols: breadth first.
std::vector<const Library*> search_order(const Library& root) {
  std::vector<const Library*> order{&root};
  for (size_t k = 0; k < order.size(); ++k) {
    for (const Library* dependency : order[k]->dependencies) {
      if (std::find(order.begin(), order.end(), dependency) == order.end())
        order.push_back(dependency);
    }
  }
  return order;
}

/// The symbol that this very library defines: an image comes first in its own scope.
void* defined_by(const Library& library, const char* name, uint32_t hash, const char* version) {
  if (library.handle == nullptr || !library.object->defines(name, hash)) return nullptr;
  for (const std::string& text : {renamed(name), std::string(name)}) {
    void* found = version == nullptr ? dlsym(library.handle, text.c_str())
                                     : dlvsym(library.handle, text.c_str(), version);
    if (found != nullptr) return found;
  }
  return nullptr;
}

/// A symbol of the process, unless a library defines it that guests have images of: that one would
/// be the host's.
void* defined_by_process(const char* name, const char* version) {
  void* found =
      version == nullptr ? dlsym(RTLD_DEFAULT, name) : dlvsym(RTLD_DEFAULT, name, version);
  Dl_info info;
  if (found == nullptr || runtime_defines(name, gnu_hash(name)) || dladdr(found, &info) == 0)
    return found;
  try {
    return is_shared(*Object::open(info.dli_fname)) ? found : nullptr;
  } catch (const Error&) {
    return found;  // the program itself, or the kernel's
  }
}

/// The loader's message in terms of the library, with what helps.
[[noreturn]] void fail(const Library& library, const std::string& path) {
  const char* reason = dlerror();
  std::string text = reason != nullptr ? reason : "unknown error";
  for (std::string_view noise : {std::string_view(path), kPrefix}) {
    for (size_t at = text.find(noise); at != std::string::npos; at = text.find(noise, at)) {
      const std::string_view by =
          noise == kPrefix ? std::string_view() : std::string_view(library.object->path());
      text.replace(at, noise.size(), by);
      at += by.size();
    }
  }
  if (text.find("static TLS") != std::string::npos) {
    text +=
        ". Start the process with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536 in its "
        "environment";
  } else if (text.find("failed to map") != std::string::npos ||
             text.find("cannot map") != std::string::npos) {
    text += ". If the process has very many mappings, raise the system's vm.max_map_count";
  }
  throw Error(text);
}

/// Loads a library that all guests share, after what it needs: its own run path would not be
/// searched with its loaders' DT_RPATH, which it may rely on.
void* open_shared(const Object& object, Chain chain, int flags) {
  chain.insert(chain.begin(), &object);
  for (std::string_view name : object.needed()) {
    if (auto path = find_library(name, chain)) {
      auto needed = Object::open(*path);
      if (needed->path() != object.path() &&
          dlopen(needed->path().c_str(), RTLD_LAZY | RTLD_NOLOAD) == nullptr) {
        open_shared(*needed, chain, RTLD_LAZY | RTLD_LOCAL);
      }
    }
  }
  void* handle = dlopen(object.path().c_str(), flags);
  if (handle == nullptr) throw Error(dlerror());
  return handle;
}

/// Where the image begins: an object need not begin at its address 0.
uintptr_t first_address(const Library& library) {
  for (const Elf64_Phdr& segment : library.object->segments()) {
    if (segment.p_type == PT_LOAD) return library.base + segment.p_vaddr;
  }
  return library.base;
}

/// Gives back what is mapped of an image whose loading failed half-way: nothing of it has run.
void unload(Library& library) {
  if (library.handle == nullptr) return;
  {
    std::unique_lock lock(ranges.mutex);
    ranges.by_begin.erase(first_address(library));
  }
  dlclose(std::exchange(library.handle, nullptr));
}

void run_constructors(const Library& library) {
  using Constructor = void (*)(int, char**, char**);
  const Constructors found = constructors(*library.object);
  if (found.init != 0) {
    reinterpret_cast<Constructor>(library.base + found.init)(arguments.count, arguments.values,
                                                             environ);
  }
  auto* array = reinterpret_cast<Constructor*>(library.base + found.array);
  for (uint64_t k = 0; k < found.array_count; ++k) {
    if (array[k] != nullptr && array[k] != reinterpret_cast<Constructor>(-1)) {
      array[k](arguments.count, arguments.values, environ);
    }
  }
}

}  // namespace

Library* library_at(const void* address) {
  const auto key = reinterpret_cast<uintptr_t>(address);
  std::shared_lock lock(ranges.mutex);
  auto above = ranges.by_begin.upper_bound(key);
  if (above == ranges.by_begin.begin()) return nullptr;
  const auto& [end, library] = std::prev(above)->second;
  return key < end ? library : nullptr;
}

Library* Space::open_python(const std::string& path) {
  std::scoped_lock lock(mutex_);
  python_ = plan(Object::open(path), nullptr);
  python_->opened = true;
  load(*python_, RTLD_NOW);
  globals_.push_back(python_);
  return python_;
}

// As the loader does, a library that is there already serves everyone who asks for its name,
// wherever it lies.
Library* Space::find_loaded(std::string_view name) {
  for (Library& library : libraries_) {
    if (library.state == Library::State::failed) continue;
    if (library.object->entry(DT_SONAME) && library.object->soname() == name) return &library;
    if (std::find(library.names.begin(), library.names.end(), name) != library.names.end())
      return &library;
  }
  return nullptr;
}

Library* Space::plan(std::shared_ptr<const Object> object, const Library* loader) {
  for (Library& library : libraries_) {
    if (library.state != Library::State::failed && library.object->identity() == object->identity())
      return &library;
  }
  Library& library = libraries_.emplace_back();
  library.space = this;
  library.object = std::move(object);
  library.loader = loader;
  library.soname = "sesha-" + std::to_string(index_) + "-" + std::to_string(libraries_.size()) +
                   "-" + std::string(library.object->soname());
  try {
    for (std::string_view name : library.object->needed()) plan_dependency(library, name);
  } catch (...) {
    library.state = Library::State::failed;
    throw;
  }
  return &library;
}

void Space::plan_dependency(Library& library, std::string_view name) {
  Library* dependency = nullptr;
  if (name.find('/') == std::string_view::npos) dependency = find_loaded(name);
  if (dependency == nullptr) {
    const Chain chain = chain_of(&library);
    auto path = find_library(name, chain);
    const bool of_system = !path;
    if (of_system) path = find_in_cache(name);
    if (!path) {
      library.shared.emplace_back(
          name);  // in a default folder, or nowhere: the process's loader will tell
      return;
    }
    auto object = Object::open(*path);
    if (of_system ? !needs_python(*object) : is_shared(*object)) {
      plan_shared(library, name, *object, chain);
      return;
    }
    dependency = plan(std::move(object), &library);
    if (name.find('/') == std::string_view::npos) dependency->names.emplace_back(name);
  }
  library.dependencies.push_back(dependency);
  library.renamed_libraries.emplace_back(name, dependency->soname);
}

// As the process's loader does: what is loaded under that name serves, wherever it lies.
void Space::plan_shared(Library& library, std::string_view name, const Object& object,
                        const Chain& chain) {
  const std::string known(name);
  if (dlopen(known.c_str(), RTLD_LAZY | RTLD_NOLOAD) != nullptr) {
    library.shared.push_back(known);
    return;
  }
  open_shared(object, chain, RTLD_LAZY | RTLD_LOCAL);
  library.shared.push_back(object.path());
  library.renamed_libraries.emplace_back(name, object.path());
}

bool Space::reaches(const Library& from, const Library& to) const {
  std::vector<const Library*> all;
  collect(from, all);
  return std::find(all.begin(), all.end(), &to) != all.end();
}

// First what stands in for the global scope, then the library's own needs, then the core for
// interposed calls.
std::vector<std::string> Space::needed(const Library& library) const {
  std::vector<std::string> names;
  for (const Library* global : globals_) {
    if (!reaches(*global, library)) names.push_back(global->soname);
  }
  for (const Library* dependency : library.dependencies) {
    if (std::find(names.begin(), names.end(), dependency->soname) == names.end())
      names.push_back(dependency->soname);
  }
  names.insert(names.end(), library.shared.begin(), library.shared.end());
  names.emplace_back(kCoreName);
  return names;
}

Image Space::write(const Library& library, std::vector<std::string> needed) {
  std::vector<const Library*> scope;
  collect(library, scope);
  for (const Library* global : globals_) collect(*global, scope);
  Borrowed borrowed = borrow(library, scope, uniques_);
  for (const Library* lender : borrowed.lenders) needed.push_back(lender->soname);
  Changes changes{.soname = library.soname,
                  .needed = std::move(needed),
                  .needed_always = kCoreName,
                  .renamed_libraries = library.renamed_libraries,
                  .rename =
                      [&](const Elf64_Sym& symbol, std::string_view name) {
                        return image_name(symbol, name, [&](std::string_view name, uint32_t hash) {
                          return std::any_of(scope.begin(), scope.end(), [&](const Library* other) {
                            return other->object->defines(name, hash);
                          });
                        });
                      },
                  .borrowed = std::move(borrowed.symbols)};
  return write_image(*library.object, changes);
}

void Space::finish(Library& library, Image& image, const std::string& path) {
  link_map* map = nullptr;
  if (dlinfo(library.handle, RTLD_DI_LINKMAP, &map) != 0) fail(library, path);
  library.base = map->l_addr;
  const int descriptor = library.object->reopen();
  try {
    share_pages(*library.object, image, library.base, descriptor);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  // Debuggers, profilers and dladdr see the original file. The text differs from the file's own
  // path, by which the process's loader would find this image when the host asks for the original.
  // The old name is the loader's; its memory may be read by other threads at this moment, so it
  // stays.
  const std::string name =
      std::string(library.object->origin()) + "/./" + std::string(library.object->name());
  __atomic_store_n(&map->l_name, strdup(name.c_str()), __ATOMIC_RELEASE);
  lend(library, uniques_);
  std::unique_lock lock(ranges.mutex);
  ranges.by_begin[first_address(library)] = {library.base + image.added_end, &library};
}

void Space::load(Library& library, int flags) {
  if (library.state == Library::State::failed)
    throw Error(library.object->path() + ": could not be loaded before");
  if (library.state != Library::State::planned) return;
  if (std::any_of(
          library.dependencies.begin(), library.dependencies.end(), [&](const Library* dependency) {
            return dependency->state == Library::State::planned && reaches(*dependency, library);
          })) {
    load_together(library, flags);
    return;
  }
  library.state = Library::State::loading;
  try {
    for (Library* dependency : library.dependencies) load(*dependency, flags);
    Image image = write(library, needed(library));
    const std::string path = image.file.unique_path();
    library.handle = dlopen(path.c_str(), flags | RTLD_LOCAL);
    if (library.handle == nullptr) fail(library, path);
    finish(library, image, path);
  } catch (...) {
    library.state = Library::State::failed;
    unload(library);
    throw;
  }
  library.state = Library::State::loaded;
  run_constructors(library);
}

// Libraries that need each other are loaded by one call, in which the image of one names the
// others' files.
void Space::load_together(Library& root, int flags) {
  std::vector<Library*> seen, reachable;
  collect_in_order(root, seen, reachable);
  std::vector<Library*> circle;
  for (Library* library : reachable) {
    if (library->state != Library::State::planned) continue;
    if (library == &root || reaches(*library, root)) {
      circle.push_back(library);
    } else {
      load(*library, flags);
    }
  }
  std::map<std::string, std::string> paths;  // soname to path
  std::vector<Image> images;
  try {
    for (Library* library : circle) library->state = Library::State::loading;
    // A place for each image must be known before any is written, so each is written twice: the
    // first for its file.
    for (Library* library : circle) {
      images.push_back(write(*library, needed(*library)));
      paths[library->soname] = images.back().file.unique_path();
    }
    for (size_t k = 0; k < circle.size(); ++k) {
      std::vector<std::string> names = needed(*circle[k]);
      for (std::string& name : names) {
        if (auto path = paths.find(name); path != paths.end()) name = path->second;
      }
      Library with_paths = *circle[k];
      for (auto& [from, to] : with_paths.renamed_libraries) {
        if (auto path = paths.find(to); path != paths.end()) to = path->second;
      }
      Image image = write(with_paths, names);
      copy_image(image, images[k]);
    }
    root.handle = dlopen(paths[root.soname].c_str(), flags | RTLD_LOCAL);
    if (root.handle == nullptr) fail(root, paths[root.soname]);
    for (size_t k = 0; k < circle.size(); ++k) {
      Library& library = *circle[k];
      if (library.handle == nullptr)
        library.handle = dlopen(paths[library.soname].c_str(), flags | RTLD_NOLOAD);
      if (library.handle == nullptr) fail(library, paths[library.soname]);
      finish(library, images[k], paths[library.soname]);
    }
  } catch (...) {
    for (Library* library : circle) {
      library->state = Library::State::failed;
      unload(*library);
    }
    throw;
  }
  for (Library* library : circle) library->state = Library::State::loaded;
  for (Library* library : circle) run_constructors(*library);
}

void Space::make_global(Library& library) {
  std::vector<const Library*> all;
  collect(library, all);
  for (const Library* each : all) {
    if (std::find(globals_.begin(), globals_.end(), each) == globals_.end()) {
      globals_.push_back(const_cast<Library*>(each));
    }
  }
}

void* Space::open(const char* name, int flags, const Library* caller) {
  std::scoped_lock lock(mutex_);
  const size_t known = libraries_.size();
  try {
    return open_unlocked(name, flags, caller);
  } catch (...) {
    // What was planned for this library alone must not wait for a dependency that has failed.
    for (size_t k = known; k < libraries_.size(); ++k) {
      if (libraries_[k].state == Library::State::planned)
        libraries_[k].state = Library::State::failed;
    }
    throw;
  }
}

void* Space::open_unlocked(const char* name, int flags, const Library* caller) {
  if (name == nullptr || *name == '\0') return python_->handle;
  const Chain chain = chain_of(caller != nullptr ? caller : python_);
  const int binding = (flags & RTLD_NOW) != 0 ? RTLD_NOW : RTLD_LAZY;
  Library* library = std::strchr(name, '/') == nullptr ? find_loaded(name) : nullptr;
  if (library == nullptr) {
    auto path = find_library(name, chain);
    if (!path) {
      // Of the system's libraries only those are private that need Python.
      if (auto cached = find_in_cache(name); cached && needs_python(*Object::open(*cached)))
        path = std::move(cached);
    }
    if (!path) {
      void* handle = dlopen(name, flags & ~RTLD_DEEPBIND);
      if (handle == nullptr && (flags & RTLD_NOLOAD) == 0) throw Error(dlerror());
      return handle;
    }
    auto object = Object::open(*path);
    if (is_shared(*object)) {
      if ((flags & RTLD_NOLOAD) != 0) return dlopen(object->path().c_str(), flags & ~RTLD_DEEPBIND);
      return open_shared(*object, chain, flags & ~RTLD_DEEPBIND);
    }
    if ((flags & RTLD_NOLOAD) != 0) {
      auto known = std::find_if(libraries_.begin(), libraries_.end(), [&](const Library& other) {
        return other.state == Library::State::loaded &&
               other.object->identity() == object->identity();
      });
      if (known == libraries_.end()) return nullptr;
      library = &*known;
    } else {
      const size_t known = libraries_.size();
      library = plan(std::move(object), caller);
      if (libraries_.size() != known) library->opened = true;
      if (std::strchr(name, '/') == nullptr) library->names.emplace_back(name);
    }
  }
  load(*library, binding);
  if ((flags & RTLD_GLOBAL) != 0) make_global(*library);
  return library->handle;
}

void* Space::symbol(void* handle, const char* name, const Library* caller, const char* version) {
  if (void* interposed = interposed_address(name)) return interposed;
  const uint32_t hash = gnu_hash(name);
  // Libraries are never freed and get no dependencies after loading, so only the lists need the
  // lock.
  std::vector<const Library*> order;
  {
    std::scoped_lock lock(mutex_);
    if (handle == RTLD_DEFAULT || handle == python_->handle) {
      order.assign(globals_.begin(), globals_.end());
    } else if (handle != RTLD_NEXT) {
      for (const Library& library : libraries_) {
        if (library.handle == handle) order = search_order(library);
      }
    }
  }
  if ((handle == RTLD_DEFAULT || handle == RTLD_NEXT) && caller != nullptr) {
    const Library* root = caller;
    while (!root->opened && root->loader != nullptr) root = root->loader;
    const std::vector<const Library*> scope = search_order(*root);
    auto first = scope.begin();
    if (handle == RTLD_NEXT) first = std::find(scope.begin(), scope.end(), caller);
    if (handle == RTLD_NEXT && first != scope.end()) ++first;
    order.insert(order.end(), first, scope.end());
  }
  for (const Library* library : order) {
    if (void* found = defined_by(*library, name, hash, version)) return found;
  }
  if (handle == RTLD_DEFAULT || handle == RTLD_NEXT || handle == python_->handle) {
    return defined_by_process(name, version);
  }
  return version == nullptr ? dlsym(handle, name) : dlvsym(handle, name, version);
}

}  // namespace sesha::images
