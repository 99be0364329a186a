// Which APIs the broker double knows, in which versions, and what Kafka's own releases say of themselves.

/** Both ends are included. `flexible` is the first version with tagged fields (KIP-482). */
interface Known { readonly key: number, readonly min: number, readonly max: number, readonly flexible: number }

/** What is implemented here. */
export const known = {
  Produce: { key: 0, min: 3, max: 13, flexible: 9 },
  Fetch: { key: 1, min: 4, max: 18, flexible: 12 },
  ListOffsets: { key: 2, min: 1, max: 11, flexible: 6 },
  Metadata: { key: 3, min: 0, max: 13, flexible: 9 },
  FindCoordinator: { key: 10, min: 0, max: 6, flexible: 3 },
  ApiVersions: { key: 18, min: 0, max: 4, flexible: 3 },
  InitProducerId: { key: 22, min: 0, max: 5, flexible: 2 }
} as const satisfies Record<string, Known>

export type ApiName = keyof typeof known

export const apiNames = Object.keys(known) as ApiName[]

/** What a broker offers: an API that is not named is one it does not know. */
export type Ranges = Readonly<Partial<Record<ApiName, readonly [min: number, max: number]>>>

/**
 * Ranges of the releases, as their clients' message definitions have them. Brokers of 4.x offer Produce from 0 on,
 * although they take it from 3 on only: librdkafka compresses nothing otherwise (KAFKA-18659).
 */
export const releases = {
  '2.8': {
    Produce: [0, 9], Fetch: [0, 12], ListOffsets: [0, 6], Metadata: [0, 11], FindCoordinator: [0, 3],
    ApiVersions: [0, 3], InitProducerId: [0, 4]
  },
  '3.3': {
    Produce: [0, 9], Fetch: [0, 13], ListOffsets: [0, 7], Metadata: [0, 12], FindCoordinator: [0, 4],
    ApiVersions: [0, 3], InitProducerId: [0, 4]
  },
  '4.3': {
    Produce: [0, 13], Fetch: [4, 18], ListOffsets: [1, 11], Metadata: [0, 13], FindCoordinator: [0, 6],
    ApiVersions: [0, 4], InitProducerId: [0, 5]
  }
} as const satisfies Record<string, Ranges>

export type Release = keyof typeof releases

export function apiOf (key: number): ApiName | undefined {
  return apiNames.find(name => known[name].key === key)
}
