/**
 * Words that are never masked: what Kubernetes itself says, names that every cluster has, and names so common that they
 * tell nothing about whose cluster it is. An object named `web` or `redis` keeps its name, and a sentence such as
 * `0/3 nodes are available` stays a sentence even where somebody named a Service `nodes`.
 */
import { kindDefinition, kindNames } from "../kube/kinds.ts";

const sentences = `
a able about access accessing accounts active actual add added address admission after again against all allocatable
allocated allocation allow allowed already also an and annotation annotations any api apis app application apply are args
as assigned associated at attach attached attempt attempting attempts authentication authorization authorized available
back backoff backing bad be because been before being below between bind binding body both bound bucket build but by
cache call called calls can cannot capacity change changed check checks claim claims class cleanup client closed cluster code
com command common completed condition conditions config configuration connect connected connection connections container
containers content context control controller copy could count cpu create created creating creation cron current daemon data
deadline default delay delete deleted deleting denied dependency deploy deployed deployment desired detach detached
device did directory disabled disk dns do does domain done down drain driver due duration during dynamic each empty enabled
end endpoint endpoints ended ensure entry env environment ephemeral error errors etc event events every evicted exceed
exceeded executable exec exist existing exists exit exited expected expired external failed failing failure failures false
fetch field file files filter finalizer finalizers find finish finished first for forbidden force found free from full gateway
generated generic get grace group had handler has hash have headers health healthy host hostname hosts hours http https
identity if ignore image images in incomplete index info initial insufficient internal interval into invalid io ip is it item
items its job jobs just keep key keys kill killed kind label labels last latest layer leader least left length level limit
limits link list listen load local lock log logs loop lost main maintenance manager manifest manual many master match matches
matching max maximum memory message messages met metadata metrics min minimum minutes missing mode more most mount
mounted multiple name named names namespace namespaces network new next no node nodes none normal not now null number object
objects observed of off ok old on one only open operation operations operator option options or org other out over owner own
paused peer pending period permission persistent phase ping platform plugin pod pods policy pool port ports position pre
preemption present previous priority private probe probes process processed progress protocol provided provision
provisioner provisioning proxy public pull pulled pulling queue quota range rate reach reached read redacted readiness ready reason
received recent refer reference references refused registry rejected release removed replace replica replicas report
repository request requested requests required reset resolve resolved resource resources response restart restarted
restarting result retry retrying return returned role rollback rolling rollout root route rule rules run runner running
runtime sandbox saved scale scaled schedule scheduled scheduler scheduling scope second seconds secret secrets security see
selector send sent server service services session set settings setup shared should shutdown signal size slow snapshot some
source space spec specified start started starting startup state stateful static status step still stop stopped stopping
storage stream string success successful successfully sync synced system tag taint taints target task tcp template
temporary term terminated terminating termination test than that the their them then there they this three through time timed
timeout times to token tolerate toleration too tools topology total traffic trigger triggered true try trying two type udp
unable unavailable under unexpected unhealthy unknown unready unsupported until up update updated updating url usage use used
user users using v1 v2 valid validation value values version view volume volumes wait waiting warning was watch webhook were
when where which while will with within without would write wrong yaml yes you your zone
aborted addresses affinity allocate argument assign aws basic binary bootstrapping bounds break breaks broken budget
bundle bundles calling canceled channel channels cleaning collection column complete configured conflict
constraint constraints controlled core corruption credentials currently custom database deallocate decode decoding deploying
dial directive drivers dumped enough errored exception exceptions execute exhausted fail fast fatal fault filesystem flag
foreground format fsck function goroutine handle handling handshake head heap hint ignored immediate implement information
initialized installed installing installation instance instances instruction interrupt issuing json known like limited lookup
liveness login look looking malformed metric migrate migration misbehaving modified module must needs networking networks never
nil nonexistent notice onto operators orphan package packages panic panicked parameter parse parsing patch path per
permitted pipe plan pointer post posted pressure problem property put ratio receive reconcile reconciled reconciling
registered relation requirements reserved resolution retrieving rpc safe safety satisfiable schema segmentation severity shutting
signature specify spread stale stalled structure subresource such superblock supported
suppressed syncing syntax targeted terminate thread toml trace traceback tracking translate unauthorized unbound uncaught
undecodable undefined unhandled unmarshal unmounted unpack unpacked unpacking unreachable unrecognized unresolved unschedulable
untolerated upgrade upgrades upgrading validating variable verification violates warn yet zero zones
`;

/** Parts of clusters and public images: the same everywhere, and rules know some of them by name. */
const products = `
aad-pod-identity admission-controller alertmanager alpine amd64 antrea-agent antrea-controller argocd arm64 aws-cni aws-node
aws-load-balancer-controller azure-cni azure-ip-masq-agent blackbox-exporter busybox cadvisor calico calico-kube-controllers
calico-node calico-typha canal cert-manager cert-manager-cainjector cert-manager-webhook cilium cilium-envoy cilium-operator
cloud-controller-manager cluster-autoscaler cluster-proportional-autoscaler coredns cri-o csi csi-attacher csi-node
csi-node-driver-registrar csi-provisioner csi-resizer csi-snapshotter curl daemonset debian distroless docker ebs-csi-controller
ebs-csi-node efs-csi-controller efs-csi-node efs-plugin ebs-plugin driver-registrar node-driver-registrar liveness-probe etcd
event-exporter external-dns external-secrets flannel fluent-bit fluentbit fluentd gatekeeper gce gce-internal gce-multi-cluster
gke-metadata-server gke-metrics-agent gpu-operator grafana haproxy haproxy-ingress haproxytech helm ingress-nginx
ingress-nginx-controller install-cni istio-cni istio-cni-node istio-ingressgateway istio-init istio-proxy istiod
k8s-device-plugin k8s-sidecar karpenter keda keda-operator kindnet kindnet-cni kong konnectivity-agent kube-apiserver
kube-controller-manager kube-dns kube-flannel kube-flannel-ds kube-ovn-cni kube-prometheus-stack kube-proxy kube-proxy-windows
kube-router kube-scheduler kube-state-metrics kube-vip kubelet kubernetes kubernetes-dashboard kubernetes-ingress
kubernetes-ingress-controller kueue kyverno l7-lb-controller leader-election linkerd linkerd-init linkerd-proxy linux
local-path-provisioner local-volume-provisioner longhorn-manager metallb metadata-agent metrics-server multus nats
nfs-subdir-external-provisioner nginx nginx-ic nginx-ingress nginx-ingress-controller node-agent node-exporter
node-local-dns node-problem-detector nvidia-device-plugin nvidia-device-plugin-daemonset ovnkube-node pause
pod-identity-webhook prometheus promtail rook-ceph-operator sdn sealed-secrets-controller snapshot-controller speaker
tigera-operator traefik trivy-operator ubuntu vault-agent-injector velero vpa-admission-controller vpa-recommender vpa-updater
vsphere-csi-controller vsphere-csi-node weave-net whoami windows x86_64 ztunnel
postgres postgresql mysql mariadb redis mongo mongodb memcached rabbitmq kafka zookeeper elasticsearch httpd python node golang
openjdk php ruby hello-world http-echo
`;

const names = `
admin bin boot cache certs cgroup config configs conf data dev etc healthz home host init.d keys lib lib64 livez local log logs
mnt opt overlay plugins proc readyz root run sbin scripts secrets serviceaccount share srv sys tls tmp usr var vol
ca.crt tls.crt tls.key service-ca.crt namespace token .dockerconfigjson .dockercfg config.json config.yaml config.yml
username password host port url uri
kube-system kube-public kube-node-lease default kube-root-ca.crt openshift-service-ca.crt system serviceaccounts masters
authenticated unauthenticated anonymous nobody kubelet kubeadm kubectl cluster-admin bootstrap
default-scheduler system-node-critical system-cluster-critical local-path gp2 gp3 hostpath premium-rwo standard-rwo nfs csi
http-web https-web http-metrics https-metrics dns-tcp metrics probes webhook-server peer client-port
pod-template-hash pod-template-generation controller-revision-hash controller-uid job-name grafana_dashboard
vault-active vault-sealed vault-initialized active passive follower secondary replica standby slave
grafana_datasource fluentd_config TILLER grafana_alert grafana_notifier prometheus_rule provider owner OWNER release
managed-by part-of component instance tier track heritage chart k8s-app role control-plane
HOME PATH PORT HOST HOSTNAME USER LANG TZ DEBUG LOG_LEVEL NODE_ENV NODE_NAME NODE_IP POD_NAME POD_NAMESPACE POD_IP HOST_IP
NAMESPACE SERVICE_ACCOUNT DATABASE_URL DB_HOST DB_PORT DB_USER DB_NAME DB_PASSWORD POSTGRES_DB POSTGRES_USER POSTGRES_PASSWORD
PGDATA MYSQL_ROOT_PASSWORD MYSQL_DATABASE MYSQL_USER MYSQL_PASSWORD REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_URL
JAVA_OPTS JAVA_TOOL_OPTIONS GOMAXPROCS GOMEMLIMIT HTTP_PROXY HTTPS_PROXY NO_PROXY AWS_REGION
ToBeDeletedByClusterAutoscaler DeletionCandidateOfClusterAutoscaler
True False Unknown None Helm helm ClusterIP NodePort LoadBalancer ExternalName
pending-install pending-upgrade pending-rollback superseded uninstalled uninstalling createdAt modifiedAt
foregroundDeletion metadata.name metadata.namespace rbac-defaults edit view olm
io.kubernetes localhost docker.io index.docker.io registry-1.docker.io auth.docker.io production.cloudflare.docker.com
registry.k8s.io k8s.gcr.io gcr.io quay.io ghcr.io mcr.microsoft.com public.ecr.aws registry.gitlab.com nvcr.io lscr.io
cluster.local svc.cluster.local svc local arpa in-addr.arpa ip6.arpa library
sha256 sha512 docker containerd cri-o docker-pullable
`;

function wordsIn(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

const kinds = kindNames.flatMap((kind) => {
  const { group, plural, shortNames } = kindDefinition(kind);
  return [kind, kind.toLowerCase(), plural, group, ...shortNames];
});

const parts: ReadonlySet<string> = new Set(wordsIn(products).filter((name) => name.includes("-")));

/** The part of a cluster after which `name` is called: `kube-proxy` for `kube-proxy-blue`. */
export function partNamed(name: string): string | undefined {
  for (let at = name.lastIndexOf("-"); at > 0; at = name.lastIndexOf("-", at - 1)) {
    const start = name.slice(0, at);
    if (parts.has(start)) return start;
  }
  return undefined;
}

const kept: ReadonlySet<string> = new Set([...wordsIn(sentences), ...wordsIn(products), ...wordsIn(names), ...kinds]);

/** Domains whose names are public knowledge: label and annotation keys, CSI drivers, annotations of vendors. */
const publicDomains =
  /(?:^|\.)(?:kubernetes\.io|k8s\.io|x-k8s\.io|k8s\.aws|amazonaws\.com|aws\.com|azure\.com|microsoft\.com|googleapis\.com|gke\.io|cloud\.google\.com|openshift\.io|helm\.sh|cattle\.io|rancher\.io|istio\.io|cilium\.io|projectcalico\.org|tigera\.io|cert-manager\.io|prometheus\.io|argoproj\.io|fluxcd\.io|kyverno\.io|keda\.sh|knative\.dev|linkerd\.io|traefik\.io|traefik\.containo\.us|jetstack\.io|gatekeeper\.sh|volcano\.sh|karpenter\.sh|eks\.amazonaws\.com|digitalocean\.com|hetzner\.cloud|github\.io|haproxy\.org|nginx\.org|konghq\.com|google\.com|apache\.org|solo\.io|run\.ai|kubevirt\.io|konghq\.io|linode\.com|ceph\.com|longhorn\.io|openebs\.io|portworx\.com|netapp\.io|vmware\.com|datadoghq\.com|elastic\.co|hashicorp\.com|crossplane\.io|upbound\.io|strimzi\.io|coreos\.com|operatorframework\.io|external-secrets\.io|rook\.io|cnpg\.io|tekton\.dev|nvidia\.com|intel\.com|amd\.com|github\.com)$/;

/** Whether `word` says nothing about whose cluster it is: it is kept as it stands. */
export function isKept(word: string): boolean {
  if (word.length <= 2 || kept.has(word) || kept.has(word.toLowerCase())) return true;
  // Numbers, versions, quantities, percentages, times and durations.
  if (/^v?\d+(?:[._]\d+)*(?:[a-zA-Z]{1,2}|[munKMGTPE]i?)?$/.test(word) && !isAddress(word)) return true;
  if (/^\d{4}-\d\d-\d\d(?:T[\d.]+)?/.test(word)) return true;
  return /(?:^|\.)(?:kubernetes\.io|k8s\.io)$/.test(word);
}

/** Whether `name` is a domain of Kubernetes or of a vendor, or lies below one. */
export function isPublicDomain(name: string): boolean {
  return publicDomains.test(name);
}

/** Domains below which customers of a vendor have hosts of their own: a load balancer, a database, a bucket. */
const rentedDomains =
  /\.(?:amazonaws\.com|azure\.com|googleapis\.com|google\.com|github\.io|digitalocean\.com|linode\.com|elastic\.co|run\.ai|vmware\.com|portworx\.com)$/;

/** Whether `name` is a host that says nothing about whose cluster it is. Below a vendor's domain it may be rented. */
export function isPublicHost(name: string): boolean {
  return isPublicDomain(name) && !rentedDomains.test(name);
}

/** Keys of labels without a domain: what tools put before the dot instead. */
const publicPrefixes = /^(?:olm|trivy-operator)\./;

/** Whether `key`, of a label, an annotation or a finalizer, is one of Kubernetes or of a widely used tool. */
export function isPublicKey(key: string): boolean {
  const domain = key.includes("/") ? key.slice(0, key.indexOf("/")) : key;
  return isPublicDomain(domain) || domain.startsWith("k8sgpt") || publicPrefixes.test(key);
}

/** Whether `word` is an IPv4 address. */
export function isAddress(word: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(word);
}
