// A short list of names in shared memory, written by the supervisor and read by every worker without a lock.

/** JSON of all names. What is longer is refused, so that a reader never copies more. */
export const noticeBytesMax = 65_536

/** Cells ahead of the text: the generation, odd while the text is being written, and the bytes that the text has. */
const headCells = 2
const generationCell = 0
const lengthCell = 1

/** Memory for one list, which is empty at first. A later thread reads in it what holds by then. */
export function createNoticeMemory (): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * headCells + noticeBytesMax)
}

/**
 * Writes for all readers; one thread only may do so. False: the names are too many for the memory, and the list is as
 * it was. Once it has returned true, a reader that looks sees these names.
 */
export function createNoticeWriter (memory: SharedArrayBuffer): (names: readonly string[]) => boolean {
  const cells = new Int32Array(memory)
  return names => {
    const text = Buffer.from(JSON.stringify(names))
    if (text.length > noticeBytesMax) return false
    const words = new Int32Array(Math.ceil(text.length / 4))
    new Uint8Array(words.buffer).set(text)
    Atomics.add(cells, generationCell, 1)
    for (const [at, word] of words.entries()) Atomics.store(cells, headCells + at, word)
    Atomics.store(cells, lengthCell, text.length)
    Atomics.add(cells, generationCell, 1)
    return true
  }
}

/** Gives the names where they are others than at the last look, else undefined, for the price of one atomic load. */
export function createNoticeReader (memory: SharedArrayBuffer): () => readonly string[] | undefined {
  const cells = new Int32Array(memory)
  let seen = 0

  // Words are read by Atomics too: only then is it certain that they belong to the generation around them.
  return () => {
    const generation = Atomics.load(cells, generationCell)
    // An odd one is being written: whoever writes has not been answered yet, so the list before still holds.
    if (generation === seen || generation % 2 !== 0) return undefined
    const bytes = Atomics.load(cells, lengthCell)
    const words = new Int32Array(Math.ceil(bytes / 4))
    for (let at = 0; at < words.length; at++) words[at] = Atomics.load(cells, headCells + at)
    if (Atomics.load(cells, generationCell) !== generation) return undefined
    seen = generation
    return JSON.parse(Buffer.from(words.buffer, 0, bytes).toString()) as string[]
  }
}
