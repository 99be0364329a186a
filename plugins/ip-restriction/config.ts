// Settings of the ip-restriction policy: whose addresses pass and whose do not.

import Type from 'typebox'
import type { Static } from 'typebox'
import { networkPattern } from '../../src/contract/address.ts'

const networks = Type.String({ pattern: networkPattern })

export const ipRestrictionConfig = Type.Object({
  allow: Type.Optional(Type.Array(networks, {
    maxItems: 10_000,
    description: 'Addresses and networks that may send, such as `10.0.0.0/8`, IPv4 or IPv6. If absent, all that are not denied.'
  })),
  deny: Type.Array(networks, {
    default: [], maxItems: 10_000,
    description: 'Addresses and networks that may not send, written the same way. It wins over `allow`.'
  })
}, { additionalProperties: false, description: 'Decides by the address of the peer who may send.' })

export type IpRestrictionConfig = Static<typeof ipRestrictionConfig>
