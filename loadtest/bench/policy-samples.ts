// What each policy is measured with: the example of its README, and what a sender shows who is known and within limits.

import { createHash } from 'node:crypto'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { PolicyModule, PolicySetup } from '../../src/contract/policy.ts'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { exampleSetup } from '../../test/support/policy-conformance.ts'
import { tableRig } from '../../test/support/table-rig.ts'
import { createTable } from '../../src/shared/table.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'
import { makeKey, sign } from '../../test/support/token-issuer.ts'

/** Lets in the peer of the sample, whom the example of ip-restriction would let in too. */
export const samplePeer = { ...peer, address: '10.1.2.3' }

const apiKey = 'a-key-of-the-usual-length-0123456789abcdef'
const password = 'correct horse battery staple'
/** The example of acl denies factory-7. */
const principal = { name: 'factory-8', groups: ['factories'] }

interface Sample {
  /** Takes the place of the example's settings of these names. */
  readonly settings?: Readonly<Record<string, unknown>>
  readonly credential?: Readonly<Record<string, unknown>>
  /** What the sender shows. Absent: nothing that this authenticator knows. */
  readonly shown?: readonly (readonly [string, string])[]
}

/** Measured is who was known before; the first time is not per event. */
const rememberMs = 3_600_000
const plenty = 1_000_000_000_000

/** By policy. Where an example would refuse a flood of events, its limits are wider here. */
async function samples (): Promise<Readonly<Record<string, Sample>>> {
  const key = await makeKey('RS256', 'bench')
  const issuer = 'https://id.example.com'
  const claims = { iss: issuer, aud: 'sluice', sub: 'factory-8', exp: Math.floor(Date.now() / 1e3) + 3_600 }
  const passwordHash = await makeHash(password)
  const basic = Buffer.from(`factory-7:${password}`).toString('base64')
  return {
    'auth-api-key': {
      credential: { apiKey: `sha256:${createHash('sha256').update(apiKey).digest('hex')}` },
      shown: [['x-api-key', apiKey]]
    },
    'auth-basic': {
      settings: { rememberMs },
      credential: { basic: { username: 'factory-7', passwordHash } },
      shown: [['authorization', `Basic ${basic}`]]
    },
    'auth-jwt': {
      settings: {
        rememberMs,
        issuers: [{
          issuer, audiences: ['sluice'], algorithms: ['RS256'], keys: [key.pem], principalClaim: 'sub',
          principalPrefix: '', attributeClaims: {}, knownOnly: false, clockSkewMs: 60_000
        }]
      },
      credential: { jwt: { issuer, subject: 'factory-8' } },
      shown: [['authorization', `Bearer ${await sign(key, claims)}`]]
    },
    'connection-limit': { settings: { connectionsMax: 1_000_000 } },
    'in-flight-limit': { settings: { eventsMax: 10_000_000 } },
    'rate-limit': {
      settings: {
        eventsPerSecondMax: 10_000_000, burstEventsMax: 1_000_000_000,
        bytesPerSecondMax: undefined, burstBytesMax: undefined
      }
    },
    'quota': { settings: { eventsMax: plenty, bytesMax: plenty } }
  }
}

/** One policy ready to be measured. */
export interface Measured {
  readonly module: PolicyModule
  readonly setup: PolicySetup<unknown>
  /** False: it is an authenticator that is asked by somebody who shows nothing. */
  readonly isShown: boolean
  readonly credentials: Credentials
}

/** Every policy of the registry, with tables in shared memory on the system's clock. */
export async function prepare (modules: readonly PolicyModule[]): Promise<Measured[]> {
  const known = await samples()
  return modules.map(module => {
    const { settings, credential, shown } = known[module.name] ?? {}
    const example = exampleSetup(module, new URL(`../../plugins/${module.name}/`, import.meta.url))
    const config = { ...example.config as object, ...settings }
    const tables = (module.tables?.(config as never) ?? []).map(wanted =>
      createTable(tableRig(wanted, 2, createTableClock().steadyMs()).shared, wanted, { worker: 0 }))
    const principals = credential === undefined ? example.principals : [{ ...principal, credentials: [credential] }]
    return {
      module, setup: { config, principals, tables, log: silentLog }, isShown: shown !== undefined,
      credentials: { attributes: attributesOf(shown ?? []), argument: () => undefined }
    }
  })
}
