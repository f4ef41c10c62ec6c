// Running a grid: blocks one after another, threads as fibers, barriers and warp operations.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <algorithm>
#include <random>
#include "internal.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emu {
namespace {
constexpr size_t kStack = 256 << 10;

// A fiber takes threads of the block one after another and runs each to its
// end. Only when a thread waits is another fiber needed, so kernels without
// barriers use a single one.
enum State { kNew, kReady, kWarpWait, kBlockWait, kDone };
struct Fiber;
struct Thread {
  uint3 index;
  State state;
  Fiber* fiber;
  unsigned mask, present;  // of a warp operation
  bool predicate;          // of a block barrier
  const char* file;
  int line;
  Slot slot;
};
struct Fiber {
  jmp_buf context;
  ucontext_t start;
  bool started = false;
};

// Never destroyed: threads may outlive main().
auto& threads = *new std::vector<Thread>;
auto& order = *new std::vector<unsigned>;     // in which the threads of a block are started and resumed
auto& warp_slots = *new std::vector<Slot>;    // what each warp exchanged last
auto& idle = *new std::vector<Fiber*>;
unsigned next_thread, done_threads, current_thread;
int barrier_count;
jmp_buf scheduler;
void (*body)(void*);
void* body_context;
bool lenient;
const char* how = nullptr;  // CUDA_EMU_ORDER
unsigned dynamic_shared;
const Library* running_library;
std::mt19937 shuffle_rng(1);

void enter(unsigned t) { current_thread = t, threadIdx = threads[t].index, in_thread = true; }

__attribute__((noinline)) void switch_to_scheduler(Fiber* f) {
  if (!_setjmp(f->context)) _longjmp(scheduler, 1);
}
__attribute__((noinline)) void switch_to_fiber(Fiber* f) {
  if (_setjmp(scheduler)) return;
  if (f->started) _longjmp(f->context, 1);
  f->started = true;
  setcontext(&f->start);
}

Fiber* running;
void fiber_main() {
  for (;;) {
    Fiber* self = running;
    while (next_thread < threads.size()) {
      unsigned t = order[next_thread++];
      threads[t].fiber = self;
      enter(t);
      body(body_context);
      threads[current_thread].state = kDone, done_threads++;
    }
    idle.push_back(self);
    switch_to_scheduler(self);
  }
}

Fiber* new_fiber() {
  Fiber* f = new Fiber;
  char* stack = (char*)mmap(nullptr, kStack + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) emu_fail("no memory for the stack of a thread");
  mprotect(stack, kPage, PROT_NONE);
  getcontext(&f->start);
  f->start.uc_stack.ss_sp = stack + kPage, f->start.uc_stack.ss_size = kStack, f->start.uc_link = nullptr;
  makecontext(&f->start, fiber_main, 0);
  return f;
}

void resume(Fiber* f) {
  running = f;
  switch_to_fiber(f);
  in_thread = false;
}

void wait(State state, const char* file, int line) {
  unsigned me = current_thread;
  Thread& t = threads[me];
  t.state = state, t.file = file, t.line = line;
  switch_to_scheduler(t.fiber);
  enter(me);
}

// Nothing can run: let complete warp operations go on, else a complete barrier.
void release_waiting(std::vector<unsigned>& ready) {
  unsigned n = threads.size();
  bool any = false;
  for (unsigned base = 0; base < n; base += kWarp) {
    unsigned size = std::min(kWarp, n - base), alive = 0;
    for (unsigned l = 0; l < size; l++) alive |= unsigned(threads[base + l].state != kDone) << l;
    for (unsigned l = 0; l < size; l++) {
      Thread& first = threads[base + l];
      unsigned need = first.mask & alive, have = 0;
      if (first.state != kWarpWait) continue;
      for (unsigned k = l; k < size; k++) {
        Thread& t = threads[base + k];
        if (t.state == kWarpWait && t.mask == first.mask && t.line == first.line) have |= 1u << k;
      }
      if ((have & need) != need) continue;
      for (unsigned k = l; k < size; k++)
        if (need >> k & 1) {
          Thread& t = threads[base + k];
          warp_slots[base + k] = t.slot, t.present = need, t.state = kReady, any = true;
        }
    }
  }
  if (!any) {
    unsigned waiting = 0, warps = 0;
    const Thread *at = nullptr, *other = nullptr;
    barrier_count = 0;
    for (auto& t : threads) {
      warps += t.state == kWarpWait;
      if (t.state != kBlockWait) continue;
      waiting++, barrier_count += t.predicate;
      if (!at) at = &t;
      else if (t.line != at->line || strcmp(t.file, at->file)) other = &t;
    }
    if (!at) emu_fail("deadlock: %u threads wait in a warp operation for lanes of its mask that never arrive, %u have exited", warps, done_threads);
    if (warps) emu_fail("deadlock: %u threads wait at __syncthreads (%s:%d), %u in a warp operation", waiting, at->file, at->line, warps);
    if (!lenient && done_threads)
      emu_fail("barrier divergence: %u of %u threads have exited, the others wait at __syncthreads (%s:%d)", done_threads, n, at->file, at->line);
    if (!lenient && other) emu_fail("barrier divergence: threads wait at __syncthreads at both %s:%d and %s:%d", at->file, at->line, other->file, other->line);
    for (auto& t : threads) if (t.state == kBlockWait) t.state = kReady;
  }
  for (auto it = order.rbegin(); it != order.rend(); ++it) if (threads[*it].state == kReady) ready.push_back(*it);
}

void run_block() {
  std::vector<unsigned> ready;
  for (auto& t : threads) t.state = kNew;
  next_thread = done_threads = 0;
  while (done_threads < threads.size()) {
    if (next_thread < threads.size()) {
      if (idle.empty()) idle.push_back(new_fiber());
      Fiber* f = idle.back();
      idle.pop_back();
      resume(f);
    } else if (ready.empty()) {
      release_waiting(ready);
    } else {
      Fiber* f = threads[ready.back()].fiber;
      ready.pop_back();
      resume(f);
    }
  }
}

void arrange(std::vector<unsigned>& v, size_t n) {
  v.resize(n);
  for (size_t i = 0; i < n; i++) v[i] = i;
  if (how && !strcmp(how, "reverse")) std::reverse(v.begin(), v.end());
  if (how && !strcmp(how, "shuffle")) std::shuffle(v.begin(), v.end(), shuffle_rng);
}

char* shared_arena() {  // a fixed address, because file-scope arrays are bound to it at load time
  static char* p = (char*)mmap(nullptr, 2 * kSharedMax, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p;
}

void run_grid(void (*thread)(void*), void* context) {
  body = thread, body_context = context;
  unsigned n = blockDim.x * blockDim.y * blockDim.z;
  threads.assign(n, Thread{}), warp_slots.assign((n + kWarp - 1) / kWarp * kWarp, {});
  for (unsigned i = 0; i < n; i++)
    threads[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
  std::vector<unsigned> blocks;
  arrange(blocks, size_t(gridDim.x) * gridDim.y * gridDim.z);
  char* arena = shared_arena();
  size_t arena_bytes = (dynamic_shared + kPage - 1) / kPage * kPage;
  if (arena_bytes) mprotect(arena, arena_bytes, PROT_READ | PROT_WRITE);
  for (unsigned b : blocks) {
    arrange(order, n);
    blockIdx = {b % gridDim.x, b / gridDim.x % gridDim.y, b / gridDim.x / gridDim.y};
    fill16(running_library->shared_begin, running_library->shared_end, kPoison);
    fill16(arena, arena + dynamic_shared, kPoison);
    fill16(arena + dynamic_shared, arena + arena_bytes, kGuard);
    run_block();
    if (const char* bad = find_change(arena + dynamic_shared, arena + arena_bytes, kGuard))
      emu_fail("out-of-bounds write: %zu bytes past the end of %u bytes of dynamic shared memory", size_t(bad - arena - dynamic_shared), dynamic_shared);
  }
  if (arena_bytes) mprotect(arena, arena_bytes, PROT_NONE);
}
}  // namespace

void initialise_grid() {
  lenient = env_flag("CUDA_EMU_LENIENT_BARRIERS");
  how = getenv("CUDA_EMU_ORDER");
  if (how && *how && strcmp(how, "forward") && strcmp(how, "reverse") && strcmp(how, "shuffle"))
    emu_fail("CUDA_EMU_ORDER is %s: expected forward, reverse or shuffle", how);
}

void run(const Kernel& kernel, const Library& library, dim3 grid, dim3 block, unsigned shared, void** params) {
  gridDim = grid, blockDim = block, dynamic_shared = shared, running_library = &library;
  kernel.launch(params, run_grid);
}

}  // namespace emu

using namespace emu;

extern "C" {
int emu_sync_block(bool predicate, const char* file, int line) {
  threads[current_thread].predicate = predicate;
  wait(kBlockWait, file, line);
  return barrier_count;
}
const emu::Slot* emu_sync_warp(unsigned mask, const void* value, size_t bytes, unsigned* present, const char* file, int line) {
  Thread& t = threads[current_thread];
  unsigned lane = current_thread % kWarp;
  if (!(mask >> lane & 1)) emu_fail("warp operation at %s:%d: its mask 0x%08x leaves out the calling lane %u", file, line, mask, lane);
  t.mask = mask;
  if (bytes) memcpy(t.slot.bytes, value, bytes);
  wait(kWarpWait, file, line);
  *present = t.present;
  return &warp_slots[current_thread - lane];
}
unsigned emu_lane() { return current_thread % kWarp; }
void* emu_dynamic_shared() { return shared_arena(); }
}
