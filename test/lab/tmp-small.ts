import { startControlPlane } from "./control-plane.ts";
import { seedCrowd } from "./crowd.ts";
const lab = await startControlPlane({ name: "small", controllers: false });
await seedCrowd(lab, { pods: 13, deployments: 3, services: 3, configMaps: 3, nodes: 3 });
console.log(lab.kubeconfig);
setTimeout(() => lab.stop().then(() => process.exit(0)), 400_000);
