/** Where explanations are kept, as k8sgpt's config file says it. */
export interface S3Settings {
  readonly region: string;
  readonly bucket: string;
  /** Another server that speaks S3. */
  readonly endpoint?: string;
  /** Do not check that server's certificate. */
  readonly insecure?: boolean;
}

export interface GcsSettings {
  readonly projectId: string;
  readonly region: string;
  readonly bucket: string;
}

export interface AzureSettings {
  readonly storageAccount: string;
  readonly container: string;
}

export interface InterplexSettings {
  /** `host:port`. */
  readonly connectionString: string;
}

/** One place; the local folder is the default. */
export type CacheSettings =
  | { readonly type: "file"; readonly folder: string; readonly maxEntries?: number; readonly maxBytes?: number }
  | { readonly type: "memory" }
  | ({ readonly type: "s3" } & S3Settings)
  | ({ readonly type: "gcs" } & GcsSettings)
  | ({ readonly type: "azure" } & AzureSettings)
  | ({ readonly type: "interplex" } & InterplexSettings);
