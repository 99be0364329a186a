// The auth-signature policy: finds the principal whose key signed a request (RFC 9421), and takes no signature twice.

import { hash } from 'node:crypto'
import type { Attributes, Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Credentials, Eventually } from '../../src/contract/adapter.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { repetitionOf, takeSingleUse } from '../../src/contract/single-use.ts'
import { SettingError } from '../../src/contract/setting-error.ts'
import type { MemorySettings } from '../../src/contract/table.ts'
import { signatureConfig, signatureCredential } from './config.ts'
import type { SignatureConfig, SignatureCredential } from './config.ts'
import { digestsMatch, readDigests } from './content-digest.ts'
import { faultOfSecret, keyOf } from './key.ts'
import type { Key } from './key.ts'
import { coveredBy, signatureBase } from './signature-base.ts'
import { readClaim } from './signature-input.ts'
import type { Claim } from './signature-input.ts'

const credentialName = 'signature'

interface Signer { readonly key: Key, readonly principal: Principal }

/** A signature that holds, but for the body and for having been taken before. */
interface Proof {
  readonly principal: Principal
  readonly base: Buffer
  readonly createdMs: number
  /** The Content-Digest that is signed. */
  readonly digest: string | undefined
}

export const authSignature: AuthenticatorModule<SignatureConfig> = {
  name: 'auth-signature',
  kind: 'authenticator',
  config: signatureConfig,
  credential: { name: credentialName, schema: signatureCredential },

  tables: (config: SignatureConfig) => [memoryOf(config)],
  examine: ({ principals }) => principals.flatMap(credentialsOf).flatMap(({ own, path }) => {
    const fault = faultOfSecret(own)
    return fault === undefined ? [] : new SettingError(fault, [...path, 'secret'])
  }),

  create ({ config, principals, tables: [memory] }) {
    const signers = signersOf(principals)
    const prove = createProver(config, signers)
    const repetition = repetitionOf('this signature', '; sign each attempt anew')
    const otherBody = refuse('unauthenticated', 'the body is not the one that Content-Digest is about')
    const noDigest = refuse('unauthenticated', 'Content-Digest must hold a sha-256 or sha-512 digest of the body as sent')
    const noBody = refuse('unauthenticated', 'what came with no body cannot be signed over one')

    function once ({ principal, base, createdMs }: Proof): Principal | Refusal {
      const knownMs = createdMs + config.windowMs + config.skewMs - Date.now()
      return takeSingleUse(principal, { memory, key: hash('sha256', base, 'base64'), knownMs }, repetition)
    }

    async function withBody (proof: Proof, digests: Map<string, Buffer>, read: Promise<Buffer | Refusal>):
    Promise<Principal | Refusal> {
      const body = await read
      if (isRefusal(body)) return body
      return digestsMatch(digests, body) ? once(proof) : otherBody
    }

    return {
      secretNames: ['signature'],
      advice: `sign the request over ${config.components.join(', ')} (RFC 9421)`,
      authenticate (credentials: Credentials, peer: Peer): Eventually<Principal | Refusal | undefined> {
        const { attributes } = credentials
        if (attributes.get('signature-input') === undefined && attributes.get('signature') === undefined) return undefined
        const proof = prove(attributes, peer)
        if (isRefusal(proof)) return proof
        if (proof.digest === undefined) return once(proof)
        // The signature over the digest holds already: no byte is read for one who cannot sign.
        const digests = readDigests(proof.digest)
        if (digests === undefined) return noDigest
        const read = credentials.body?.(config.bodyBytesMax)
        return read === undefined ? noBody : withBody(proof, digests, read)
      }
    }
  }
}

/** Of a clock that is ahead a signature may hold for as much longer. */
function memoryOf ({ windowMs, skewMs, rememberedCountMax }: SignatureConfig): MemorySettings {
  return { kind: 'memory', keysMax: rememberedCountMax, knownMsMax: windowMs + 2 * skewMs }
}

function signersOf (principals: readonly PrincipalSettings[]): Map<string, Signer> {
  const signers = new Map<string, Signer>()
  for (const settings of principals) {
    const principal = principalOf(settings)
    for (const { own, path } of credentialsOf(settings, principals.indexOf(settings))) {
      const { keyId } = own
      if (signers.has(keyId)) {
        throw new SettingError(`the key id "${keyId}" is that of another key already: give each key an id of its own`, path)
      }
      signers.set(keyId, { key: keyAt(own, path), principal })
    }
  }
  return signers
}

interface Placed { readonly own: SignatureCredential, readonly path: SettingError['path'] }

/** The credentials of this kind, with their places in the config. */
function credentialsOf ({ credentials }: PrincipalSettings, index: number): Placed[] {
  return credentials.flatMap(({ [credentialName]: own }, at) => own === undefined ? [] : [{
    own: own as SignatureCredential, path: ['principals', index, 'credentials', at, credentialName]
  }])
}

function keyAt (own: SignatureCredential, path: SettingError['path']): Key {
  try {
    return keyOf(own)
  } catch (error) {
    throw new SettingError((error as Error).message, [...path, 'publicKey'])
  }
}

/** All that can be checked without the body, cheapest first. */
function createProver (
  config: SignatureConfig, signers: ReadonlyMap<string, Signer>
): (attributes: Attributes, peer: Peer) => Proof | Refusal {
  const unknown = refuse('unauthenticated', 'the signature does not match, or its key is not known')

  function checkClaim (claim: Claim, key: Key, covered: ReadonlySet<string>): string | undefined {
    const { windowMs, skewMs, components } = config
    const missing = components.filter(name => !covered.has(name))
    if (missing.length > 0) return `the signature must cover ${missing.join(', ')} too`
    if (claim.algorithm !== undefined && claim.algorithm !== key.algorithm) return `this key signs with ${key.algorithm} only`
    const nowMs = Date.now()
    const createdMs = claim.created * 1_000
    if (createdMs > nowMs + skewMs) return 'the signature was created in the future; set the clock of the sender'
    if (createdMs + windowMs + skewMs < nowMs) return 'the signature is too old; sign each attempt anew'
    if (claim.expires !== undefined && claim.expires * 1_000 + skewMs < nowMs) return 'the signature has expired; sign anew'
    return undefined
  }

  return (attributes, peer) => {
    const fields = fieldsOf(attributes)
    const claim = readClaim(fields, keyId => signers.has(keyId))
    if (claim === undefined) return unknown
    if ('mistake' in claim) return refuse('unauthenticated', claim.mistake)
    const signer = signers.get(claim.keyId)
    if (signer === undefined) return unknown
    const covered = coveredBy(claim.input)
    const fault = checkClaim(claim, signer.key, covered)
    if (fault !== undefined) return refuse('unauthenticated', fault)
    const base = signatureBase(claim.input, {
      fields, method: attributes.get(':method') ?? '', target: attributes.get(':path') ?? '', secure: peer.secure,
      origin: config.origin
    })
    if ('mistake' in base) return refuse('unauthenticated', base.mistake)
    if (!signer.key.matches(base, claim.signature)) return unknown
    const digest = covered.has('content-digest') ? fields.get('content-digest') : undefined
    return { principal: signer.principal, base, createdMs: claim.created * 1_000, digest }
  }
}

/** Every attribute, repeats joined in their order (RFC 9421 section 2.1). */
function fieldsOf (attributes: Attributes): Map<string, string> {
  const fields = new Map<string, string>()
  attributes.forEach((name, value) => {
    const before = fields.get(name)
    fields.set(name, before === undefined ? value.trim() : `${before}, ${value.trim()}`)
  })
  return fields
}
