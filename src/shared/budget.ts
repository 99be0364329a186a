// The node's byte budget in shared memory: workers lease blocks of it and account for single events in plain numbers.

/** One lease step. A worker may refuse early by at most this much while another holds a half-used block. */
export const blockBytes = 65_536

/** One Int32 cell per worker: the blocks it leases. The node's level is their sum, so no two cells can disagree. */
export function createBudgetCells (workerCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * workerCount)
}

/** Takes back what a dead worker had leased. Called by the supervisor after the thread is gone. */
export function reclaim (shared: SharedArrayBuffer, worker: number): void {
  Atomics.store(new Int32Array(shared), worker, 0)
}

export interface Budget {
  /** False: nothing was taken, the node's budget does not hold that many bytes now. */
  take (bytes: number): boolean
  give (bytes: number): void
  /** Takes bytes even above the limit. They must soon be given back: for copies that replace what was taken before. */
  charge (bytes: number): void
  /** Bytes this worker uses now. */
  readonly usedBytes: () => number
  /** Bytes leased by all workers of the node. */
  readonly leasedBytes: () => number
  readonly bytesMax: number
}

/** The budget as one worker sees it. `bytesMax` holds for the whole node. */
export function createBudget (shared: SharedArrayBuffer, worker: number, bytesMax: number): Budget {
  const cells = new Int32Array(shared)
  const blocksMax = Math.max(1, Math.floor(bytesMax / blockBytes))
  let usedBytes = 0
  let leasedBlocks = 0

  function leasedInAll (): number {
    let blocks = 0
    for (let cell = 0; cell < cells.length; cell++) blocks += Atomics.load(cells, cell)
    return blocks
  }

  // Adds first and looks at the sum then: two workers at once may both refuse, but never both exceed.
  function lease (blocks: number): boolean {
    Atomics.add(cells, worker, blocks)
    if (leasedInAll() > blocksMax) {
      Atomics.sub(cells, worker, blocks)
      return false
    }
    leasedBlocks += blocks
    return true
  }

  return {
    bytesMax,
    take (bytes) {
      const missingBytes = usedBytes + bytes - leasedBlocks * blockBytes
      if (missingBytes > 0 && !lease(Math.ceil(missingBytes / blockBytes))) return false
      usedBytes += bytes
      return true
    },
    charge (bytes) {
      usedBytes += bytes
      const missingBytes = usedBytes - leasedBlocks * blockBytes
      if (missingBytes <= 0) return
      const blocks = Math.ceil(missingBytes / blockBytes)
      leasedBlocks += blocks
      Atomics.add(cells, worker, blocks)
    },
    give (bytes) {
      usedBytes -= bytes
      if (usedBytes < 0) throw new Error(`budget: ${-usedBytes} bytes more were given back than taken`)
      // One spare block stays leased, so that a worker around a block's edge does not touch shared memory per event.
      const spareBlocks = leasedBlocks - Math.ceil(usedBytes / blockBytes) - 1
      if (spareBlocks > 0) {
        leasedBlocks -= spareBlocks
        Atomics.sub(cells, worker, spareBlocks)
      }
    },
    usedBytes: () => usedBytes,
    leasedBytes: () => leasedInAll() * blockBytes
  }
}
