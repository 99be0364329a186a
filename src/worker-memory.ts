// How the memory of a node is divided: how many workers it has room for, and the heap of each.

import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import type { ResourceLimits } from 'node:worker_threads'

const mebibyte = 1024 * 1024
/** What the process has before its first worker: the supervisor's heap once it has read the config, and the code. */
const processBytes = 128 * mebibyte
/** Memory one worker should have at least. */
const workerBytesMin = 160 * mebibyte
/** Heap of one worker, as a share of the memory it may have; the rest is buffers, code and stacks. */
const heapShare = 3 / 4
/**
 * New objects of one worker: a third of its heap, up to this. With half as much an NDJSON event costs a quarter more
 * CPU, because what is under way is copied more often.
 */
const youngBytesMax = 96 * mebibyte
const youngShare = 1 / 3
/** V8 divides them into three, and looks at all that is old as well once less than one third has room left. */
const youngParts = 3
/** What a worker keeps without any connection: code, settings, libraries. */
const bareBytes = 32 * mebibyte
/** What an idle connection keeps in the heap at least, of any door. */
const connectionBytes = 6 * 1024

/** How much of the room that an old generation may still grow into is used when V8 begins to mark it, in percent. */
const markSoonPercent = 50
const markNowPercent = 80

/** How far an old generation may grow beyond what was in use, in percent of that, before it is collected. */
const growingPercent = 200
/** What an old generation may have before it is collected for the first time, as a share of all it may have. */
const firstShare = 1 / 2

/**
 * To be called before workers start, with the limits of each. By itself V8 begins to mark when less of the room to grow
 * is left than the new generation has, which with a large new generation and a small old one is nearly always. From
 * what survives its collections it learns to put such objects straight among the old ones: with thousands of events in
 * flight it learned that of all that a new event is made of. Each kept alive what it pointed to, though settled, until
 * the old ones were collected. And it grants so little room that two thousand new connections use it up before it has
 * begun to mark: then it marks all in one stop, of a tenth of a second. It marks in threads of its own, for which a
 * node with a worker for each core has no core: a worker waited for them 16 to 24 ms at a time, for itself 0.3 ms.
 */
export function tuneCollector ({ maxOldGenerationSizeMb = 0 }: ResourceLimits): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
  setFlagsFromString('--no-concurrent-marking')
  setFlagsFromString(`--incremental-marking-soft-trigger=${markSoonPercent}`)
  setFlagsFromString(`--incremental-marking-hard-trigger=${markNowPercent}`)
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`)
  setFlagsFromString(`--initial-old-space-size=${Math.floor(maxOldGenerationSizeMb * firstShare)}`)
}

/** As many workers as cores and memory allow; one where the platform does not balance a shared port. */
export function workersThatFit (memoryBytesMax: number, platform: string = process.platform): number {
  if (platform !== 'linux') return 1
  return Math.max(1, Math.min(availableParallelism(), Math.floor((memoryBytesMax - processBytes) / workerBytesMin)))
}

/** The memory that a node with so many workers needs at least. */
export function memoryBytesMin (workerCount: number): number {
  return processBytes + workerCount * workerBytesMin
}

export function heapLimitsOf (memoryBytesMax: number, workerCount: number): ResourceLimits {
  const heapBytes = (memoryBytesMax - processBytes) / workerCount * heapShare
  const youngBytes = Math.min(youngBytesMax, heapBytes * youngShare)
  return {
    maxYoungGenerationSizeMb: Math.floor(youngBytes / mebibyte),
    maxOldGenerationSizeMb: Math.floor((heapBytes - youngBytes) / mebibyte)
  }
}

/** With more connections a worker does nothing but collect, in stops of half a second, until it counts as silent. */
export function connectionsThatFit (memoryBytesMax: number, workerCount: number): number {
  const limits = heapLimitsOf(memoryBytesMax, workerCount)
  const { maxYoungGenerationSizeMb: young = 0, maxOldGenerationSizeMb: old = 0 } = limits
  const roomBytes = (old - young / youngParts) * mebibyte - bareBytes
  return workerCount * Math.max(0, Math.floor(roomBytes / connectionBytes))
}
