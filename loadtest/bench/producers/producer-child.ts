// What each producer under test in a process of its own is told and tells back; it runs counts of records on demand.

/** In argv, as JSON. */
export interface ProducerSetup {
  readonly brokers: readonly string[]
  readonly topic: string
  readonly driver: 'native' | 'kafkajs'
  readonly recordBytes: number
  readonly keyed: boolean
  readonly headers: boolean
  /** A folder for a CPU profile; undefined: none. */
  readonly profileFolder: string | undefined
}

export interface ToProducer { readonly recordsCount: number }
export interface FromProducer { readonly writtenCount: number, readonly heapBytes: number }

export function readProducerSetup (): ProducerSetup {
  return JSON.parse(process.argv[2] ?? '{}') as ProducerSetup
}

/** Tells that it is ready, then runs whatever count it is told, until the bench closes the channel. */
export function serveRuns (run: (recordsCount: number) => Promise<void>, close: () => Promise<void>): void {
  process.on('message', ({ recordsCount }: ToProducer) => {
    run(recordsCount).then(() => {
      globalThis.gc?.()
      const told: FromProducer = { writtenCount: recordsCount, heapBytes: process.memoryUsage().heapUsed }
      process.send?.(told)
    }, (error: unknown) => {
      console.error(error)
      process.exit(1)
    })
  })
  process.on('disconnect', () => { void close().finally(() => process.exit()) })
  process.send?.({ ready: true })
}

/** Distinct values: JSON-like text of a fixed size with a number in front. */
export function valueOf (number: number, bytes: number): Buffer {
  const value = Buffer.alloc(bytes, 0x78)
  value.write(`{"number":${number},"text":"`)
  return value
}
