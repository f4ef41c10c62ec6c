// What the parts of libcuda share. Every entry point of the driver holds
// api_lock, launches included; the functions here expect it to be held.
#pragma once
#include <cuda.h>
#include <map>
#include <mutex>
#include <string>
#include <vector>
#include "emu.h"

namespace emu {

constexpr size_t kPage = 4096, kSharedMax = 163 << 10, kMemory = size_t(8) << 30;
constexpr unsigned kWarp = 32;

extern std::mutex api_lock;
#define LOCK std::lock_guard<std::mutex> lock(emu::api_lock)

// ---- report.cpp: messages and statistics ---------------------------------------
extern thread_local const char* kernel_name;  // the kernel that this host thread is running, if any
extern bool in_thread;                        // threadIdx is meaningful
bool env_flag(const char* name);
void count(Counter c, uint64_t by = 1);
void count_launch(const std::string& kernel);
void print_statistics();

// ---- streams.cpp: devices, streams, events, and the order they give -------------
using Clock = std::vector<uint64_t>;  // by stream: how many of its operations are known to be complete
struct Access {
  unsigned stream = 0;
  uint64_t time = 0;
  const char* what = nullptr;
};
struct Context { int device; };
struct Stream {
  unsigned id;
  int device;
  bool blocking;        // waits for the device's default stream, and that for it
  unsigned host_thread;  // of a per-thread default stream, else 0
  Clock seen;
};
struct Event {
  int device;
  Clock seen;
};
struct Allocation;
int device_count();  // 0 unless cuInit succeeded
bool initialise_devices();
CUresult check_device(int device);
Context* context_of(int device);
extern thread_local Context* current_context;
CUresult find_stream(CUstream handle, Stream** s);  // resolves the default streams of the current context
Stream* new_stream(int device, bool blocking);
void destroy_stream(CUstream handle);
Event* new_event(int device);
Event* find_event(CUevent handle, const char* what);
void destroy_event(CUevent handle);
void begin(Stream& s);              // starts the next operation of s
void host_waits(const Clock& seen);  // the host knows that these operations are complete
void host_waits_for_device(int device);
void stream_waits(Stream& s, const Clock& seen);
void access(Allocation& a, bool write, Stream& s, const char* what);

// ---- memory.cpp: device memory ---------------------------------------------------
// Each allocation has its own mapping: an inaccessible page, guard bytes, the
// data, up to 255 guard bytes, an inaccessible page. A freed mapping stays
// inaccessible for a while.
struct Allocation {
  char *map, *data;
  size_t map_bytes, bytes;
  int device;
  Access write;
  std::vector<Access> reads;  // since the write, one for each stream
  char* front() const { return map + kPage; }
  char* end() const { return data + bytes; }
  char* back() const { return map + map_bytes - kPage; }
};
void fill16(char* from, char* to, uint16_t pattern);
const char* find_change(const char* from, const char* to, uint16_t pattern);
Allocation* find_live(const void* p);
char* allocate(size_t bytes, int device);
void release(char* p, Stream* s, const char* what);
size_t live_bytes(int device);
void check_all_guards();
void describe_address(char* p, char* text, size_t size);
Allocation* check_range(const void* p, size_t bytes, const char* what);
void catch_signals();
void ensure_signal_stack();

// ---- grid.cpp: running the threads of a grid ---------------------------------------
struct Library {
  std::string file;
  std::vector<const Kernel*> kernels;
  char *shared_begin, *shared_end;
};
void initialise_grid();
void run(const Kernel& kernel, const Library& library, dim3 grid, dim3 block, unsigned shared, void** params);

// ---- modules.cpp: kernels, as the PTX declares them and as the host has them --------
struct Entry {  // a kernel as the PTX declares it
  std::vector<unsigned> sizes;
  unsigned max_threads = 1024;
};
struct Module;
struct Function {
  std::string name;
  const Module* module = nullptr;
  const Entry* entry = nullptr;
  const Kernel* kernel = nullptr;
  const Library* library = nullptr;
  unsigned max_dynamic_shared = 48 << 10;
};
struct Module {
  std::map<std::string, Entry> entries;
  std::map<std::string, Function> functions;
  bool is_ptx = false, unloaded = false;
  int device = 0;
};
void load_kernel_libraries();
void parse_ptx(const char* text, Module& m);
void bind(Module& m, Function& f);
CUresult launch(Function& f, dim3 grid, dim3 block, unsigned shared, Stream& s, void** params);

}  // namespace emu
