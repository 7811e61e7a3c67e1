/**
 * Shapes of custom resources that k8sgpt reads: only the fields that a rule looks at. client-node has no types for them;
 * these stand where it would. A server without the project's CRDs answers 404, and the kind counts as absent.
 */
import type { V1Condition, V1LabelSelector, V1ObjectMeta } from "@kubernetes/client-node";

// ---- Gateway API (gateway-api.sigs.k8s.io/reference/spec) --------------------------------------------------------------

/** A reference from a route or Gateway to another object. Absent `group` and `kind` mean what the field's owner says. */
interface GatewayObjectReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name?: string;
}

interface GatewayParentReference extends GatewayObjectReference {
  sectionName?: string;
  port?: number;
}

interface GatewayBackendReference extends GatewayObjectReference {
  port?: number;
  weight?: number;
}

/** A class of Gateways and the controller that serves it. */
export interface GatewayClassResource {
  metadata?: V1ObjectMeta;
  spec?: { controllerName?: string; parametersRef?: GatewayObjectReference };
  status?: { conditions?: V1Condition[] };
}

/** Listeners, and what may attach to them. */
export interface GatewayResource {
  metadata?: V1ObjectMeta;
  spec?: {
    gatewayClassName?: string;
    listeners?: {
      name?: string;
      hostname?: string;
      port?: number;
      protocol?: string;
      tls?: { mode?: string; certificateRefs?: GatewayObjectReference[] };
      allowedRoutes?: { namespaces?: { from?: string; selector?: V1LabelSelector } };
    }[];
  };
  status?: {
    addresses?: { type?: string; value?: string }[];
    conditions?: V1Condition[];
    listeners?: { name?: string; attachedRoutes?: number; conditions?: V1Condition[] }[];
  };
}

/** HTTPRoute, GRPCRoute and TLSRoute: they differ in their matches, which no rule reads. */
export interface GatewayRouteResource {
  metadata?: V1ObjectMeta;
  spec?: {
    parentRefs?: GatewayParentReference[];
    hostnames?: string[];
    rules?: {
      filters?: { type?: string; requestMirror?: { backendRef?: GatewayBackendReference } }[];
      backendRefs?: GatewayBackendReference[];
    }[];
  };
  status?: {
    parents?: { parentRef?: GatewayParentReference; controllerName?: string; conditions?: V1Condition[] }[];
  };
}

/** Lets objects of other namespaces refer to some of its own. */
export interface ReferenceGrantResource {
  metadata?: V1ObjectMeta;
  spec?: {
    from?: { group?: string; kind?: string; namespace?: string }[];
    to?: { group?: string; kind?: string; name?: string }[];
  };
}

// ---- Operator Lifecycle Manager, v1 (github.com/operator-framework/operator-controller/tree/main/api/v1) ---------------

/** A catalog of operators, unpacked from an image. */
export interface ClusterCatalogResource {
  metadata?: V1ObjectMeta;
  spec?: { availabilityMode?: string; source?: { type?: string; image?: { ref?: string } } };
  status?: { conditions?: V1Condition[]; resolvedSource?: { type?: string; image?: { ref?: string } } };
}

/** An operator that is to be installed from a catalog. */
export interface ClusterExtensionResource {
  metadata?: V1ObjectMeta;
  spec?: {
    namespace?: string;
    serviceAccount?: { name?: string };
    source?: {
      sourceType?: string;
      catalog?: {
        packageName?: string;
        version?: string;
        channels?: string[];
        upgradeConstraintPolicy?: string;
      };
    };
  };
  status?: { conditions?: V1Condition[]; install?: { bundle?: { name?: string; version?: string } } };
}

// ---- Operator Lifecycle Manager, v0 (github.com/operator-framework/api/tree/master/pkg/operators) ----------------------

interface OperatorObjectReference {
  kind?: string;
  namespace?: string;
  name?: string;
}

/** One version of an operator, installed in a namespace. Its conditions are a history of phases. */
export interface ClusterServiceVersionResource {
  metadata?: V1ObjectMeta;
  spec?: { version?: string; replaces?: string; installModes?: { type?: string; supported?: boolean }[] };
  status?: {
    phase?: string;
    reason?: string;
    message?: string;
    lastTransitionTime?: Date;
    lastUpdateTime?: Date;
    requirementStatus?: {
      group?: string;
      version?: string;
      kind?: string;
      name?: string;
      status?: string;
      message?: string;
    }[];
  };
}

/** The wish to have an operator installed from a channel of a catalog, and kept up to date. */
export interface SubscriptionResource {
  metadata?: V1ObjectMeta;
  spec?: {
    source?: string;
    sourceNamespace?: string;
    name?: string;
    channel?: string;
    startingCSV?: string;
    installPlanApproval?: string;
  };
  status?: {
    state?: string;
    reason?: string;
    currentCSV?: string;
    installedCSV?: string;
    installPlanRef?: OperatorObjectReference;
    catalogHealth?: { healthy?: boolean; lastUpdated?: Date; catalogSourceRef?: OperatorObjectReference }[];
    conditions?: V1Condition[];
    lastUpdated?: Date;
  };
}

/** The steps of one installation or upgrade. */
export interface InstallPlanResource {
  metadata?: V1ObjectMeta;
  spec?: { approval?: string; approved?: boolean; generation?: number; clusterServiceVersionNames?: string[] };
  status?: {
    phase?: string;
    message?: string;
    startTime?: Date;
    conditions?: V1Condition[];
    bundleLookups?: {
      identifier?: string;
      path?: string;
      catalogSourceRef?: OperatorObjectReference;
      conditions?: V1Condition[];
    }[];
  };
}

/** A catalog of operators, served by a Pod of its own or at an address. */
export interface CatalogSourceResource {
  metadata?: V1ObjectMeta;
  spec?: { sourceType?: string; image?: string; address?: string; configMap?: string };
  status?: {
    reason?: string;
    message?: string;
    connectionState?: { address?: string; lastObservedState?: string; lastConnect?: Date };
  };
}

/** The namespaces that the operators of its own namespace watch. */
export interface OperatorGroupResource {
  metadata?: V1ObjectMeta;
  spec?: { targetNamespaces?: string[]; selector?: V1LabelSelector; serviceAccountName?: string };
  status?: { namespaces?: string[]; conditions?: V1Condition[] };
}

/** A policy of a network plugin, or of the cluster's administrator: that there is one is all that rules ask. */
export interface PluginNetworkPolicy {
  metadata?: V1ObjectMeta;
}

// ---- KEDA (github.com/kedacore/keda, apis/keda/v1alpha1) ----------------------------------------------------------------

/** A condition of KEDA: unlike Kubernetes' own it does not say since when. */
interface KedaCondition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

interface KedaTrigger {
  type?: string;
  name?: string;
  metricType?: string;
  /** Most entries may hold addresses and credentials: only these two are read. */
  metadata?: { type?: string; containerName?: string };
  authenticationRef?: { name?: string; kind?: string };
}

/** Scales a workload by events from outside; makes a HorizontalPodAutoscaler for it. */
export interface ScaledObjectResource {
  metadata?: V1ObjectMeta;
  spec?: {
    scaleTargetRef?: { apiVersion?: string; kind?: string; name?: string };
    minReplicaCount?: number;
    maxReplicaCount?: number;
    triggers?: KedaTrigger[];
  };
  status?: { conditions?: KedaCondition[]; hpaName?: string; pausedReplicaCount?: number };
}

/** Starts Jobs by events from outside. */
export interface ScaledJobResource {
  metadata?: V1ObjectMeta;
  spec?: { triggers?: KedaTrigger[] };
  status?: { conditions?: KedaCondition[] };
}

/** TriggerAuthentication and ClusterTriggerAuthentication: where a trigger finds its credentials. */
export interface TriggerAuthenticationResource {
  metadata?: V1ObjectMeta;
  spec?: {
    secretTargetRef?: { name?: string; key?: string }[];
    configMapTargetRef?: { name?: string; key?: string }[];
  };
}

// ---- policy reports (wgpolicyk8s.io v1alpha2 and its successor openreports.io v1alpha1) ---------------------------------

interface ReportedObject {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
}

/** The four kinds of policy reports, cluster-wide or not, of either group: the same fields. */
export interface PolicyReportResource {
  metadata?: V1ObjectMeta;
  scope?: ReportedObject;
  results?: {
    source?: string;
    policy?: string;
    rule?: string;
    category?: string;
    severity?: string;
    result?: string;
    message?: string;
    resources?: ReportedObject[];
  }[];
}

// ---- Trivy Operator (github.com/aquasecurity/trivy-operator, pkg/apis/aquasecurity/v1alpha1) -----------------------------

/** What is known to be vulnerable in one container's image. */
export interface VulnerabilityReportResource {
  metadata?: V1ObjectMeta;
  report?: {
    artifact?: { repository?: string; tag?: string; digest?: string };
    registry?: { server?: string };
    summary?: { criticalCount?: number; highCount?: number };
    vulnerabilities?: {
      vulnerabilityID?: string;
      resource?: string;
      installedVersion?: string;
      fixedVersion?: string;
      severity?: string;
    }[];
  };
}

/** How a workload's configuration does against a set of checks. */
export interface ConfigAuditReportResource {
  metadata?: V1ObjectMeta;
  report?: { checks?: { checkID?: string; title?: string; severity?: string; success?: boolean }[] };
}

// ---- cert-manager (github.com/cert-manager/cert-manager, pkg/apis/certmanager/v1) ----------------------------------------

/** A certificate that cert-manager keeps in a Secret. Its dates are public; the Secret itself is not read. */
export interface CertificateResource {
  metadata?: V1ObjectMeta;
  spec?: { secretName?: string; issuerRef?: { name?: string; kind?: string; group?: string } };
  status?: {
    conditions?: V1Condition[];
    lastFailureTime?: Date;
    notBefore?: Date;
    notAfter?: Date;
    renewalTime?: Date;
    failedIssuanceAttempts?: number;
  };
}

/** Issuer and ClusterIssuer: who signs. */
export interface IssuerResource {
  metadata?: V1ObjectMeta;
  spec?: { ca?: { secretName?: string } };
  status?: { conditions?: V1Condition[] };
}
