import {useState} from 'preact/hooks';
import {api} from '../api/client';
import {usePages} from '../api/hooks';
import type {Role, User} from '../api/types';
import {useSession} from '../session';
import {CreateButton} from '../ui/Create';
import {Confirm, FormDialog, faultOf} from '../ui/Dialog';
import {Input, Select} from '../ui/Field';
import {ListPage} from '../ui/ListPage';
import {Empty} from '../ui/States';
import {Time} from '../ui/Time';
import {useToast} from '../ui/Toast';

const roles = [
    ['viewer', 'viewer: looks at everything'],
    ['editor', 'editor: also makes, changes and runs'],
    ['admin', 'admin: also deletes, and manages users'],
] as const;

export function Users() {
    const pages = usePages<User>('/api/users?limit=50', 'users');
    const {user: self} = useSession();
    const [editing, setEditing] = useState<User | 'new' | null>(null);
    const [banning, setBanning] = useState<User | null>(null);
    const say = useToast();
    return (
        <>
            <ListPage title="Users" what="users" kind="users" pages={pages} create={<CreateButton onClick={() => setEditing('new')}>New user</CreateButton>} empty={<Empty title="No users" />}>
                {(user) => (
                    <li key={user.id}>
                        <div class="main">
                            <span class="name">{user.name}</span> <span class={user.role === 'admin' ? 'tag good' : 'tag'}>{user.role}</span>
                            {user.banned && <span class="tag bad">banned</span>}
                            {user.id === self?.id && <span class="tag">you</span>}
                            <p class="muted small">
                                {user.email} · since <Time at={user.createdAt} />
                            </p>
                        </div>
                        <div class="do">
                            <button type="button" onClick={() => setEditing(user)} aria-label={`Edit ${user.name}`}>
                                Edit
                            </button>
                            <button type="button" class={user.banned ? '' : 'danger'} onClick={() => setBanning(user)} aria-label={`${user.banned ? 'Let in again' : 'Ban'} ${user.name}`}>
                                {user.banned ? 'Let in again' : 'Ban'}
                            </button>
                        </div>
                    </li>
                )}
            </ListPage>
            {editing && (
                <UserForm
                    user={editing === 'new' ? null : editing}
                    onClose={() => setEditing(null)}
                    onDone={(user) => {
                        say(editing === 'new' ? `${user.name} can sign in now` : 'Saved');
                        setEditing(null);
                        pages.reload();
                    }}
                />
            )}
            {banning && (
                <Confirm
                    title={banning.banned ? `Let ${banning.name} in again?` : `Ban ${banning.name}?`}
                    verb={banning.banned ? 'Let in again' : 'Ban'}
                    danger={!banning.banned}
                    onClose={() => setBanning(null)}
                    action={async () => {
                        await api('PATCH', `/api/users/${banning.id}`, {body: {banned: !banning.banned}});
                        pages.reload();
                    }}
                >
                    <p>
                        {banning.banned
                            ? 'The old password is good again.'
                            : 'Nobody can sign in with this account, and its open sessions are refused at once. API keys that it made go on working.'}
                    </p>
                </Confirm>
            )}
        </>
    );
}

function UserForm({user, onClose, onDone}: {user: User | null; onClose: () => void; onDone: (user: User) => void}) {
    const [name, setName] = useState(user?.name ?? '');
    const [email, setEmail] = useState('');
    const [password, setPassword] = useState('');
    const [role, setRole] = useState<Role>(user?.role ?? 'viewer');
    const save = async () => {
        const answer = user
            ? await api<{user: User}>('PATCH', `/api/users/${user.id}`, {
                  body: {name, ...(role !== user.role && {role}), ...(password && {password})},
              })
            : await api<{user: User}>('POST', '/api/users', {body: {email, name, password, role}});
        onDone(answer.user);
    };
    return (
        <FormDialog title={user ? user.name : 'New user'} verb={user ? 'Save' : 'Create user'} action={save} onClose={onClose}>
            {(error) => (
                <>
                    <Input label="Name" required maxLength={255} autofocus value={name} onValue={setName} fault={faultOf(error, 'name')} />
                    {!user && <Input label="E-mail" type="email" required autocomplete="off" value={email} onValue={setEmail} fault={faultOf(error, 'email')} />}
                    <Select label="Role" value={role} onValue={setRole} options={roles} />
                    <Input
                        label={user ? 'New password' : 'Password'}
                        type="password"
                        autocomplete="new-password"
                        required={!user}
                        minLength={8}
                        maxLength={128}
                        hint={user ? 'Empty: the password stays' : '8 to 128 characters; tell it by a safe way'}
                        value={password}
                        onValue={setPassword}
                        fault={faultOf(error, 'password')}
                    />
                </>
            )}
        </FormDialog>
    );
}
