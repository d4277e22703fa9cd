//! The Git server of a run: a Deployment and a Service in a namespace of their own.

use std::path::Path;
use std::time::Duration;

use cluster::kubectl::{Kubectl, checked};
use cluster::observer::{Observer, Stop};
use cluster::scenario::apply;
use cluster::scenario::run::Deadline;
use diagnostics::{Code, Diagnostic, Result};
use serde_json::{Value, json};
use toolbox::atomic_file;

use crate::commands::end_to_end::stage::Own;
use crate::image::Image;
use crate::image::dockerfile::Dockerfile;

/// The namespace of the Git server.
pub(super) const NAMESPACE: &str = "git-server";

/// The name of its objects.
const NAME: &str = "git-server";

/// The reference of its image.
pub(super) const IMAGE: &str = "localhost/xtask/git-server:1";

/// The files of its image.
const FILES: &[(&str, &str)] = &[
    ("Dockerfile", include_str!("../../../git-server/Dockerfile")),
    ("lighttpd.conf", include_str!("../../../git-server/lighttpd.conf")),
    ("publish", include_str!("../../../git-server/publish")),
    ("serve", include_str!("../../../git-server/serve")),
];

/// The deadline for a commit.
const PUBLISH: Duration = Duration::from_secs(60);

/// The image of the Git server, whose files are written to the cache.
pub(super) fn image(cache: &Path) -> Result<Own> {
    use std::os::unix::fs::PermissionsExt;
    let root = cache.join("images");
    let directory = root.join(NAME);
    for (name, text) in FILES {
        let path = directory.join(name);
        if toolbox::regular_file::read_to_string(&path).is_ok_and(|own| own == *text) {
            continue;
        }
        atomic_file::write(&path, text.as_bytes())?;
        let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))
            .map_err(|error| Diagnostic::io("change the mode of", &path, &error))?;
    }
    let dockerfile = Dockerfile::parse(toolbox::source::read(&root, &directory.join("Dockerfile"))?);
    let image = Image { name: NAME.to_owned(), directory, reference: IMAGE.to_owned(), dockerfile };
    Ok(Own { image, root })
}

/// The Git server in a cluster.
pub(super) struct Server<'a> {
    pub(super) kubectl: &'a Kubectl,
    pub(super) observer: &'a Observer,
}

/// How the Git server is reached.
pub(super) struct Reached {
    /// The address of its Service.
    pub(super) address: String,
    /// Its certificate.
    pub(super) certificate: String,
}

impl Server<'_> {
    /// Deploys the server for some hosts, and waits until it serves.
    pub(super) fn deploy(&self, hosts: &[String], deadline: Deadline) -> std::result::Result<Reached, Stop> {
        apply::apply(self.kubectl, self.observer, NAMESPACE, &manifest(hosts), deadline.left())?;
        let get = ["get", "service", NAME, "--namespace", NAMESPACE, "--output=jsonpath={.spec.clusterIP}"];
        let address = checked(&self.kubectl.invocation().args(get))?;
        let certificate = self.run(&["cat", "/srv/tls/certificate.pem"], Vec::new())?;
        Ok(Reached {
            address: String::from_utf8_lossy(&address.stdout).into_owned(),
            certificate: String::from_utf8_lossy(&certificate).into_owned(),
        })
    }

    /// Commits the files of an archive, and deletes others. The branches then point to the commit, which is returned.
    pub(super) fn publish(
        &self,
        repository: &str,
        branches: &[String],
        replace: bool,
        deleted: &[String],
        archive: Vec<u8>,
    ) -> Result<String> {
        let branches = branches.join(" ");
        let mut args = vec!["publish", repository, &branches];
        if replace {
            args.push("--replace");
        }
        args.extend(deleted.iter().map(String::as_str));
        let output = self.run(&args, archive)?;
        let commit = String::from_utf8_lossy(&output).trim().to_owned();
        if commit.len() < 40 {
            return Err(Diagnostic::new(Code::ClusterFailed, "the Git server did not commit the files")
                .note(format!("output: {commit}"))
                .into());
        }
        Ok(commit)
    }

    /// Writes a file that is served below a host.
    pub(super) fn write(&self, host: &str, path: &str, content: Vec<u8>) -> Result<()> {
        let script = "mkdir -p \"$(dirname \"$0\")\" && cat > \"$0\"";
        let file = format!("/srv/www/{host}/{}", path.trim_start_matches('/'));
        self.run(&["sh", "-euc", script, &file], content).map(|_| ())
    }

    fn run(&self, command: &[&str], input: Vec<u8>) -> Result<Vec<u8>> {
        let target = format!("deployment/{NAME}");
        let exec = ["exec", "--stdin", "--quiet", &target, "--namespace", NAMESPACE, "--"];
        let invocation = self.kubectl.invocation().args(exec).args(command.iter().copied());
        Ok(checked(&invocation.input(input).deadline(PUBLISH))?.stdout)
    }
}

/// The manifests of the server.
fn manifest(hosts: &[String]) -> String {
    let labels = json!({ "app.kubernetes.io/name": NAME });
    let metadata = json!({ "name": NAME, "namespace": NAMESPACE, "labels": labels });
    let port = |name: &str, port: u16, target: u16| json!({ "name": name, "port": port, "targetPort": target });
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": { "matchLabels": labels },
            // The repository is in the container, so a second one would have another.
            "strategy": { "type": "Recreate" },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "server",
                        "image": IMAGE,
                        "imagePullPolicy": "IfNotPresent",
                        "args": hosts,
                        "readinessProbe": { "tcpSocket": { "port": 8443 }, "periodSeconds": 1 },
                    }],
                },
            },
        },
    });
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": { "selector": labels, "ports": [port("http", 80, 8080), port("https", 443, 8443)] },
    });
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    let objects: [&Value; 3] = [&namespace, &service, &deployment];
    objects.map(Value::to_string).join("\n---\n")
}
