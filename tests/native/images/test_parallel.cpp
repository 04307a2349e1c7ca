// Several guests load the same and different libraries at once.
#include <dlfcn.h>
#include <unistd.h>

#include <barrier>
#include <cstdio>
#include <deque>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "images/loader.h"

namespace {

using sesha::images::Library;
using sesha::images::library_at;
using sesha::images::Space;

constexpr int kThreads = 6;
constexpr const char* kLayouts[] = {"many", "two", "one", "sysv", "packed"};

int call(Space& space, void* handle, const char* name) {
  auto* function = reinterpret_cast<int (*)()>(space.symbol(handle, name, nullptr));
  CHECK(function != nullptr);
  return function();
}

void load_all(Space& space, const std::string& folder, int first) {
  constexpr int kCount = std::size(kLayouts);
  for (int k = 0; k < kCount; ++k) {
    const std::string path = folder + "/" + kLayouts[(first + k) % kCount] + ".so";
    void* handle = space.open(path.c_str(), RTLD_LAZY, nullptr);
    CHECK(handle != nullptr);
    CHECK(call(space, handle, "layout_bump") == 101);
    CHECK(call(space, handle, "layout_bump") == 102);
    CHECK(space.open(path.c_str(), RTLD_LAZY, nullptr) == handle);
    Library* library = library_at(space.symbol(handle, "layout_bump", nullptr));
    CHECK(library != nullptr && library->space == &space && library->handle == handle);
  }
  for (const char* name : {"tls", "ifunc", "versions", "shapes"}) {
    const std::string path = folder + "/" + name + ".so";
    CHECK(space.open(path.c_str(), RTLD_NOW, nullptr) != nullptr);
  }
}

/// Spaces are for ever, as images are never unloaded.
std::deque<Space>& spaces = *new std::deque<Space>();

void test_guests_load_side_by_side(const std::string& folder) {
  std::vector<Space*> mine;
  for (int k = 0; k < kThreads; ++k)
    mine.push_back(&spaces.emplace_back(static_cast<uint32_t>(100 + k)));
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreads; ++k) {
    threads.emplace_back([&, k] {
      start.arrive_and_wait();
      mine[k]->open_python(folder + "/tls.so");
      load_all(*mine[k], folder, k);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<void*> addresses;
  for (Space* space : mine) {
    void* handle = space->open((folder + "/many.so").c_str(), RTLD_LAZY, nullptr);
    addresses.insert(space->symbol(handle, "zeroed", nullptr));
  }
  CHECK(addresses.size() == kThreads);
}

void test_threads_of_one_guest_get_one_image(const std::string& folder) {
  Space& space = spaces.emplace_back(200);
  space.open_python(folder + "/tls.so");
  std::vector<void*> handles(kThreads);
  std::barrier start(kThreads);
  std::vector<std::thread> threads;
  for (int k = 0; k < kThreads; ++k) {
    threads.emplace_back([&, k] {
      start.arrive_and_wait();
      handles[k] = space.open((folder + "/many.so").c_str(), RTLD_LAZY, nullptr);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::set<void*>(handles.begin(), handles.end()).size() == 1);
}

}  // namespace

int main(int, char** arguments) {
  alarm(240);  // a deadlock is a failure
  test_guests_load_side_by_side(arguments[1]);
  test_threads_of_one_guest_get_one_image(arguments[1]);
}
