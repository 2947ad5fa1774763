/* Copies to shared memory in bulk, of one dimension, and the mbarriers that tell of them (PTX ISA 9.7.9.25 and 9.7.13.15): sm_90 and later. */
typedef unsigned long long uint64;

/* As these instructions take it. */
inline uint32 shared_address(const void *p) { return (uint32)__cvta_generic_to_shared(p); }

/* mbarriers: a phase ends when so many arrivals have come and all bytes that were announced have landed. */
inline void begin_phases(uint32 barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}

/* Before its memory holds something else. */
inline void end_barrier(uint32 barrier) { asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(barrier) : "memory"); }

inline void show_barriers_to_copies() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

inline void arrive(uint32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

inline void arrive_and_announce(uint32 barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

inline void await_phase(uint32 barrier, int parity) {
  asm volatile("{\n.reg .pred ended;\nAGAIN:\nmbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n@!ended bra AGAIN;\n}"
               ::"r"(barrier), "r"(parity) : "memory");
}

inline uint4 load_shared(uint32 from) {
  uint4 words;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w) : "r"(from) : "memory");
  return words;
}

/* True for one lane of a warp, all of whose lanes are here; for the compiler, which then takes addresses that are the same for all from uniform
   registers, where else it goes through lanes. */
inline bool elected() {
  uint32 chosen;
  asm volatile("{\n.reg .pred p;\nelect.sync _|p, 0xFFFFFFFF;\nselp.u32 %0, 1, 0, p;\n}" : "=r"(chosen));
  return chosen;
}

/* The warp's number, which the compiler sees to be the same for all lanes. */
inline int uniform_warp_id() { return __shfl_sync(ALL_LANES, warp_id(), 0); }

/* `bytes`, a multiple of 16, to shared memory; they count for the barrier's phase. */
inline void copy_in_bulk(uint32 to, const void *from, int bytes, uint32 barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from),
               "r"(bytes), "r"(barrier) : "memory");
}
