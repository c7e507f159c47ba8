package scaleinv.lake;

import io.delta.storage.S3SingleDriverLogStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.util.Iterator;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FSDataOutputStreamBuilder;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;

/**
 * Delta's log on S3 for several writers: a commit is a PUT with "If-None-Match: *", of which the store lets one through.
 *
 * Delta's own store for S3 looks whether the commit is there and then writes it, so another process may come between.
 * Compiled by Janino (no lambdas, no generics beyond erasure) when a lake on S3 is first opened: lake/s3.py.
 */
public final class ConditionalLogStore extends S3SingleDriverLogStore {
    public ConditionalLogStore(Configuration hadoopConf) {
        super(hadoopConf);
    }

    @Override
    public void write(Path path, Iterator<String> actions, Boolean overwrite, Configuration hadoopConf)
            throws IOException {
        if (overwrite.booleanValue()) { // no commit, but what repeats what commits say: a checkpoint's pointer, a checksum
            super.write(path, actions, overwrite, hadoopConf);
            return;
        }
        FSDataOutputStreamBuilder builder = path.getFileSystem(hadoopConf).createFile(path);
        builder.overwrite(false);
        builder.must("fs.option.create.conditional.overwrite", true);
        FSDataOutputStream stream = (FSDataOutputStream) builder.build();
        boolean whole = false;
        try {
            while (actions.hasNext()) {
                stream.write((((String) actions.next()) + "\n").getBytes(StandardCharsets.UTF_8));
            }
            whole = true;
        } finally {
            if (!whole) { // closed, it would be a commit that lacks its end
                stream.abort();
            }
        }
        try {
            stream.close();
        } catch (RemoteFileChangedException e) {
            throw new FileAlreadyExistsException(path.toString());
        }
    }
}
