// Keys that check signatures (RFC 9421 section 3.3): each has one algorithm, whatever a message says.

import { constants, createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { SignatureCredential } from './config.ts'

export interface Key {
  /** As RFC 9421 names it. */
  readonly algorithm: string
  matches (base: Buffer, signature: Buffer): boolean
}

interface Scheme {
  fits (key: KeyObject): boolean
  matches (base: Buffer, key: KeyObject, signature: Buffer): boolean
}

const rsaBitsMin = 2_048
const isRsa = ({ asymmetricKeyDetails: details }: KeyObject): boolean => (details?.modulusLength ?? 0) >= rsaBitsMin

const schemes = {
  'ed25519': {
    fits: key => key.asymmetricKeyType === 'ed25519',
    matches: (base, key, signature) => verify(null, base, key, signature)
  },
  'ecdsa-p256-sha256': {
    fits: key => key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1',
    matches: (base, key, signature) => verify('sha256', base, { key, dsaEncoding: 'ieee-p1363' }, signature)
  },
  'rsa-pss-sha512': {
    fits: key => (key.asymmetricKeyType === 'rsa' || key.asymmetricKeyType === 'rsa-pss') && isRsa(key),
    matches: (base, key, signature) =>
      verify('sha512', base, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }, signature)
  },
  'rsa-v1_5-sha256': {
    fits: key => key.asymmetricKeyType === 'rsa' && isRsa(key),
    matches: (base, key, signature) => verify('sha256', base, { key, padding: constants.RSA_PKCS1_PADDING }, signature)
  }
} as const satisfies Record<string, Scheme>

/** Throws where the public key is none, or not one of its algorithm. */
export function keyOf (credential: SignatureCredential): Key {
  if ('secret' in credential) {
    const { secret } = credential
    return {
      algorithm: 'hmac-sha256',
      matches (base, signature) {
        const expected = createHmac('sha256', secretBytes(secret.reveal())).update(base).digest()
        return signature.length === expected.length && timingSafeEqual(signature, expected)
      }
    }
  }
  const { algorithm, publicKey, keyId } = credential
  const scheme: Scheme = schemes[algorithm]
  let key: KeyObject
  try {
    key = createPublicKey(publicKey)
  } catch {
    throw new Error(`the public key of "${keyId}" is not a key in PEM`)
  }
  if (!scheme.fits(key)) throw new Error(`the public key of "${keyId}" is no key for ${algorithm}`)
  return { algorithm, matches: (base, signature) => scheme.matches(base, key, signature) }
}

const secretBytesMin = 16

/** In words for the operator; undefined where there is nothing wrong with it, or it cannot be read now. */
export function faultOfSecret (credential: SignatureCredential): string | undefined {
  if (!('secret' in credential)) return undefined
  let length
  try {
    length = secretBytes(credential.secret.reveal()).length
  } catch {
    return undefined
  }
  if (length >= secretBytesMin) return undefined
  return `the secret of the key "${credential.keyId}" has ${length} bytes and can be guessed; at least ${secretBytesMin} are needed`
}

const base64Prefix = 'base64:'

function secretBytes (text: string): Buffer {
  return text.startsWith(base64Prefix) ? Buffer.from(text.slice(base64Prefix.length), 'base64') : Buffer.from(text)
}
