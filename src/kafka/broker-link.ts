// One connection to one broker as the producer core sees it: requests go in, each is told its end exactly once.

/** Where a broker listens. */
export interface BrokerAddress { readonly host: string, readonly port: number }

/** One sealed record batch on its way: header, checksum and records, ready for the wire. */
export interface ProduceBatch {
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
}

/** A broker's answer about one batch. */
export interface ProduceResult {
  /** Kafka's error code; 0: written. */
  readonly code: number
  /** Offset of the first record; -1 where the broker does not know it. */
  readonly baseOffset: number
  /** Places in the batch of records that Kafka finds invalid (KIP-467); mostly none. */
  readonly invalidRecords: readonly number[]
  /** Who leads the partition now, where the broker told (KIP-951). */
  readonly leader: { readonly nodeId: number, readonly epoch: number } | undefined
}

/** Told of the end of one produce request: one of the two, exactly once, never before `produce` has returned. */
export interface ProduceListener {
  /** `results[i]` is about `batches[i]`; undefined where the broker left it out. */
  answered (results: readonly (ProduceResult | undefined)[]): void
  /** The connection ended first: every batch may be written. */
  unanswered (error: Error): void
}

export interface PartitionMetadata {
  readonly index: number
  readonly code: number
  /** Node id; -1 where there is none. */
  readonly leader: number
  /** -1 where the broker does not tell. */
  readonly leaderEpoch: number
  /** Brokers that should hold it. */
  readonly replicaCount?: number
}

export interface TopicMetadata {
  readonly name: string
  readonly code: number
  readonly partitions: readonly PartitionMetadata[]
  /** What this user may do with it, one bit for each of Kafka's AclOperations; undefined where nobody asked. */
  readonly rights?: number
}

export interface ClusterMetadata {
  readonly brokers: readonly (BrokerAddress & { readonly nodeId: number })[]
  readonly topics: readonly TopicMetadata[]
}

/** What Kafka knows a producer by (KIP-98). */
export interface ProducerId { readonly id: bigint, readonly epoch: number }

/** Told of the life of a link. */
export interface LinkListener {
  /** Connected, TLS shaken, versions agreed, logged in: requests may be sent. At most once. */
  opened (): void
  /** `writable` is true again. */
  drained (): void
  /** The end, whether it was open or not. Exactly once, after every request was told its end. */
  closed (error: Error): void
}

export interface BrokerLink {
  readonly open: boolean
  /** False: not open, earlier bytes wait for the socket, or the broker asked for a pause (KIP-219). */
  readonly writable: boolean
  /** Requests without an answer. */
  readonly inFlightCount: number
  /**
   * Sends one produce request, acks=all; only where `open`. From then on the batches may be written. `bytes` stay
   * untouched until the listener was told. `timeoutMs` is the broker's own limit for replication.
   */
  produce (batches: readonly ProduceBatch[], timeoutMs: number, listener: ProduceListener): void
  /** Asks for these topics (none are created). An Error where no answer came or the broker refused all of it. */
  metadata (topics: readonly string[], told: (answer: ClusterMetadata | Error) => void): void
  initProducerId (told: (answer: ProducerId | Error) => void): void
  /** Ends it now; what has no answer stays without one. `closed` is told before this returns. */
  close (reason: Error): void
}

/** Begins to connect. Never throws: `closed` tells. */
export type OpenLink = (address: BrokerAddress, listener: LinkListener) => BrokerLink
