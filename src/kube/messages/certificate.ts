/**
 * Why cert-manager does not have a certificate, or cannot sign: the reasons of its conditions, from cert-manager 1.21,
 * internal/controller/certificates/policies/constants.go, pkg/apis/certmanager/v1 and pkg/issuer. Older releases use the
 * same words.
 */

const certificateReasons: Readonly<Record<string, string>> = {
  DoesNotExist: "it was never issued",
  MissingData: "its Secret holds no certificate",
  InvalidKeyPair: "its Secret holds a key that does not fit",
  InvalidCertificate: "its Secret holds something that is no certificate",
  IncorrectIssuer: "its Secret comes from another issuer",
  IncorrectCertificate: "two Certificates write the same Secret",
  SecretMismatch: "its Secret does not match what is asked for",
  RequestChanged: "what is asked for has changed and is not issued yet",
  Expired: "it has expired",
  Failed: "the issuer refused it or could not prove the names",
  Denied: "the request was denied",
};

const issuerReasons: Readonly<Record<string, string>> = {
  ErrRegisterACMEAccount: "its ACME account cannot be registered",
  ErrVerifyACMEAccount: "its ACME account cannot be verified",
  ErrUpdateACMEAccount: "its ACME account cannot be changed",
  InvalidConfig: "its definition is not valid",
  InvalidURL: "the address of its ACME server is not valid",
  InvalidSolver: "one of its solvers is not valid",
  ErrGetKeyPair: "the key pair of its CA cannot be read",
  ErrInvalidKeyPair: "the key pair of its CA is not valid",
  VaultError: "Vault does not answer as it should",
};

/** A Certificate's `Ready` or `Issuing` reason in words; undefined when it is not known. */
export function certificateReasonInWords(reason: string | undefined): string | undefined {
  return reason !== undefined && Object.hasOwn(certificateReasons, reason) ? certificateReasons[reason] : undefined;
}

/** An issuer's `Ready` reason in words; undefined when it is not known. */
export function issuerReasonInWords(reason: string | undefined): string | undefined {
  return reason !== undefined && Object.hasOwn(issuerReasons, reason) ? issuerReasons[reason] : undefined;
}
